# shellcheck shell=bash
#
# ini.sh - write ini files from bash, after the iniset of devstack.

# iniset FILE SECTION OPTION VALUE
# Set one option; the file, the section and the option are added as needed.
iniset() {
    local file=$1 section="[$2]" setting="$3 = $4" prefix="$3 = "
    local line current='' text='' written=false

    if [[ -f $file ]]; then
        while IFS= read -r line || [[ -n $line ]]; do
            if [[ $line == "["*"]" ]]; then
                # The section ends here without having had the option.
                if [[ $current == "$section" && $written == false ]]; then
                    text+=$setting$'\n'
                    written=true
                fi
                current=$line
            elif [[ $current == "$section" && $line == "$prefix"* ]]; then
                line=$setting
                written=true
            fi
            text+=$line$'\n'
        done <"$file"
    fi

    if [[ $written == false ]]; then
        if [[ $current != "$section" ]]; then
            text+=$section$'\n'
        fi
        text+=$setting$'\n'
    fi
    printf '%s' "$text" >"$file"
}
