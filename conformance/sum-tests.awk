# Adds up the closing lines of the test runners: cargo's `test result: ok. 5 passed; 0 failed; …`
# node's `# pass 12`, `# fail 0` (or `ℹ pass 12` on a terminal), pytest's `12 passed in 3.4s`, Go's `--- PASS: TestName`,
# and the conformance suite's `conforms at level 3: 61 of 61`.

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

/^=*[ ]*[0-9]+ (passed|failed|skipped|errors?).* in [0-9.]+s/ {
    for (field = 1; field < NF; field++) {
        if ($(field + 1) ~ /^passed/) passed += $field
        if ($(field + 1) ~ /^(failed|errors?)/) failed += $field
        if ($(field + 1) ~ /^skipped/) skipped += $field
    }
}

/^--- (PASS|FAIL|SKIP): / {
    if ($2 == "PASS:") passed++
    if ($2 == "FAIL:") failed++
    if ($2 == "SKIP:") skipped++
}

/^(conforms|does not conform) at level [0-9]: [0-9]+ of [0-9]+/ {
    split(substr($0, index($0, ":") + 1), count, " ")
    passed += count[1]
    failed += count[3] - count[1]
}

END {
    printf "%d passed, %d failed, %d skipped\n", passed, failed, skipped
    exit failed > 0 || passed == 0
}
