# Adds up the closing lines of the test runners: cargo's `test result: ok. 5 passed; 0 failed; …`
# and node's `# pass 12`, `# fail 0` (or `ℹ pass 12` on a terminal).

/^test result: / {
    for (field = 1; field < NF; field++) {
        if ($(field + 1) ~ /^passed;/) passed += $field
        if ($(field + 1) ~ /^failed;/) failed += $field
        if ($(field + 1) ~ /^ignored;/) skipped += $field
    }
}

/^(#|ℹ) (pass|fail|skipped) [0-9]+$/ {
    if ($2 == "pass") passed += $3
    if ($2 == "fail") failed += $3
    if ($2 == "skipped") skipped += $3
}

END {
    printf "%d passed, %d failed, %d skipped\n", passed, failed, skipped
    exit failed > 0 || passed == 0
}
