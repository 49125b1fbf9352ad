# The completions of @PROGRAM@ for fish. The server's command is completed as it would be without us.

function __@FUNCTION@_candidates
    set -l words (commandline -opc)
    set -l cur (commandline -ct)
    set -l command ''
    set -l option
    set -l ended
    set -l kind
    set -l nth 1
    set -l directory
    set -l positionals
    set -l options
    set -l valued
    __@FUNCTION@_table
    set -l i 2
    while test $i -le (count $words)
        set -l word $words[$i]
        if test -z "$ended" -a "$word" = --
            set ended yes
        else if test -z "$ended"; and string match -q -- '-?*' $word
            if contains -- $word $valued
                test $i -lt (count $words); or set option $word
                test $word != --dir; or set directory --dir $words[(math $i + 1)]
                set i (math $i + 1)
            end
        else if test -z "$command$ended"; and contains -- $word (string split ' ' '@COMMANDS@')
            set command $word
            __@FUNCTION@_table
        else if test "$positionals[1]" = :server
            complete -C (string join ' ' -- (string escape -- $words[$i..-1]) "$cur")
            return
        else
            set nth (math $nth + 1)
        end
        set i (math $i + 1)
    end

    set -l lead ''
    if test -n "$option"
        __@FUNCTION@_value
    else if test -z "$ended"; and string match -q -- '--*=*' $cur
        set option (string replace -r '=.*' '' -- $cur)
        set lead $option=
        set cur (string replace -r '^[^=]*=' '' -- $cur)
        __@FUNCTION@_value
    else if test -z "$ended"; and string match -q -- '-*' $cur
        printf '%s\n' $options
        return
    else
        set -q positionals[$nth]; or set nth -1
        set kind $positionals[$nth]
    end

    set -l found
    switch "$kind"
        case :server
            test -n "$command$ended"; or set found (string split ' ' '@COMMANDS@')
            set -a found (__fish_complete_command) (__fish_complete_path "$cur")
        case :address
            set found (serverswap status --json $directory 2>/dev/null | string match -ar '"address":"[^"]*"' | string split -f 4 '"' | sort -u)
        case :file
            set found (__fish_complete_path "$cur")
        case :folder
            set found (__fish_complete_directories "$cur")
        case '*'
            set found (string split -n ' ' -- "$kind")
    end
    printf '%s\n' $lead$found
end

function __@FUNCTION@_table --no-scope-shadowing
    switch $command
@TABLES@
    end
end

function __@FUNCTION@_value --no-scope-shadowing
    switch $option
@VALUES@
    end
end

complete -c @PROGRAM@ -f -a '(__@FUNCTION@_candidates)'
