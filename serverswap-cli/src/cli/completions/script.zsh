#compdef @PROGRAM@
# The completions of @PROGRAM@ for zsh. The server's command is completed as it would be without us.

_@FUNCTION@() {
    local command= option= ended= kind= i nth=1
    local -a positionals options valued directory addresses
    _@FUNCTION@_table
    for ((i = 2; i < CURRENT; i++)); do
        case $ended$words[i] in
            --) ended=yes ;;
            -?*)
                (( ${valued[(Ie)$words[i]]} )) || continue
                (( i + 1 < CURRENT )) || option=$words[i]
                [[ $words[i] != --dir ]] || directory=(--dir ${(Q)words[i+1]})
                (( i++ ))
                ;;
            *)
                if [[ -z $command$ended && " @COMMANDS@ " == *" $words[i] "* ]]; then
                    command=$words[i]
                    _@FUNCTION@_table
                elif [[ $positionals[1] == :server ]]; then
                    shift $((i - 1)) words
                    (( CURRENT -= i - 1 ))
                    _normal
                    return
                else
                    (( nth++ ))
                fi
                ;;
        esac
    done

    if [[ -n $option ]]; then
        _@FUNCTION@_value
    elif [[ -z $ended && $PREFIX == --*=* ]]; then
        option=${PREFIX%%=*}
        compset -P 1 '*='
        _@FUNCTION@_value
    elif [[ -z $ended && $PREFIX == -* ]]; then
        _describe -o option options
        return
    else
        kind=${positionals[nth]:-$positionals[-1]}
    fi

    case $kind in
        :server)
            [[ -n $command$ended ]] || compadd -- ${=:-@COMMANDS@}
            _command_names -e
            _files
            ;;
        :address)
            addresses=(${(f)"$(serverswap status --json $directory 2>/dev/null | grep -o '"address":"[^"]*"' | cut -d '"' -f 4 | sort -u)"})
            compadd -- $addresses
            ;;
        :file) _files ;;
        :folder) _files -/ ;;
        *) compadd -- ${=kind} ;;
    esac
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

if [[ $funcstack[1] == _@FUNCTION@ ]]; then
    _@FUNCTION@ "$@"
else
    compdef _@FUNCTION@ @PROGRAM@
fi
