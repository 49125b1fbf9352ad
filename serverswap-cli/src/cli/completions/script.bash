# The completions of @PROGRAM@ for bash. The server's command is completed as it would be without us.

_@FUNCTION@() {
    local words=() starts=() line=${COMP_LINE:0:COMP_POINT} i
    # The words as they were typed: those of COMP_WORDS end at every `:` and `=`.
    for ((i = 0; i <= COMP_CWORD; i++)); do
        if [[ $i -eq 0 || $line == [[:blank:]]* ]]; then
            line=${line#"${line%%[![:blank:]]*}"}
            words+=('') starts+=("$i")
        fi
        if [[ $i -eq $COMP_CWORD ]]; then words[-1]+=$line; else words[-1]+=${COMP_WORDS[i]}; fi
        line=${line#"${COMP_WORDS[i]}"}
    done

    local command= option= ended= kind= cur=${words[-1]} last=$((${#words[@]} - 1)) nth=0
    local directory=() positionals options valued
    _@FUNCTION@_table
    for ((i = 1; i < last; i++)); do
        case $ended${words[i]} in
            --) ended=yes ;;
            -?*)
                [[ " ${valued[*]} " == *" ${words[i]} "* ]] || continue
                [[ $((i + 1)) -lt $last ]] || option=${words[i]}
                [[ ${words[i]} != --dir ]] || directory=(--dir "${words[i + 1]}")
                i=$((i + 1))
                ;;
            *)
                if [[ -z $command$ended && " @COMMANDS@ " == *" ${words[i]} "* ]]; then
                    command=${words[i]}
                    _@FUNCTION@_table
                elif [[ ${positionals[0]} == :server ]]; then
                    _@FUNCTION@_of_server "${starts[i]}"
                    return
                else
                    nth=$((nth + 1))
                fi
                ;;
        esac
    done

    local lead=
    if [[ -n $option ]]; then
        _@FUNCTION@_value
    elif [[ -z $ended && $cur == --*=* ]]; then
        option=${cur%%=*} lead=${cur%%=*}= cur=${cur#*=}
        _@FUNCTION@_value
    elif [[ -z $ended && $cur == -* ]]; then
        kind="${options[*]}"
    else
        kind=${positionals[nth]:-${positionals[-1]:-}}
    fi

    local found=()
    case $kind in
        :server)
            [[ -n $command$ended ]] || mapfile -t found < <(compgen -W '@COMMANDS@' -- "$cur")
            [[ -z $cur ]] || mapfile -t -O ${#found[@]} found < <(compgen -c -- "$cur")
            mapfile -t -O ${#found[@]} found < <(compgen -f -- "$cur")
            compopt -o filenames
            ;;
        :address)
            local addresses
            addresses=$(serverswap status --json "${directory[@]}" 2>/dev/null | grep -o '"address":"[^"]*"' | cut -d '"' -f 4 | sort -u)
            mapfile -t found < <(compgen -W "$addresses" -- "$cur")
            ;;
        :file) mapfile -t found < <(compgen -f -- "$cur"); compopt -o filenames ;;
        :folder) mapfile -t found < <(compgen -d -- "$cur"); compopt -o filenames ;;
        *) mapfile -t found < <(compgen -W "$kind" -- "$cur") ;;
    esac
    # Of a word that has `:` or `=` in it, readline replaces only what comes after these.
    local breaks=${COMP_WORDBREAKS//[^:=]/} before=
    [[ -z $breaks ]] || before=$lead$cur before=${before%"${before##*[$breaks]}"}
    COMPREPLY=("${found[@]/#/"$lead"}")
    COMPREPLY=("${COMPREPLY[@]#"$before"}")
}

_@FUNCTION@_of_server() {
    if declare -F _comp_command_offset >/dev/null; then
        _comp_command_offset "$1"
    elif declare -F _command_offset >/dev/null; then
        _command_offset "$1"
    else
        mapfile -t COMPREPLY < <(compgen -f -- "$cur")
        compopt -o filenames
    fi
}

_@FUNCTION@_table() {
    case $command in
@TABLES@
    esac
}

_@FUNCTION@_value() {
    case $option in
@VALUES@
    esac
}

complete -F _@FUNCTION@ @PROGRAM@
