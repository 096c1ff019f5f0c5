# Markdown of .proto files: the comment at the top, then a table for each service, message and enum in the order of the
# file. A comment at the end of a line explains that line. With -v json=1 names are those that the messages have as JSON
# (lib/bus/pb_json.h). Used by tools/make-docs.
function comment(text) {
    if (!sub(/^[^\/]*\/\/ */, "", text)) return ""
    gsub(/\|/, "\\|", text)
    return text
}
function path(i, out) {
    for (i = 1; i <= depth; i++) out = out (i > 1 ? "." : "") stack[i]
    return out
}
function camel(name, first, out, part, count, i) {
    if (!json) return name
    count = split(name, part, "_")
    out = first ? tolower(substr(part[1], 1, 1)) substr(part[1], 2) : part[1]
    for (i = 2; i <= count; i++) out = out toupper(substr(part[i], 1, 1)) substr(part[i], 2)
    return out
}
function finish_file(i, name, empty) {
    for (i = 1; i <= count; i++) {
        name = order[i]
        if (name in rows)
            printf "\n### %s\n\n%s%s%s", name, head[name] == "" ? "" : head[name] "\n\n", titles[kind[name]], rows[name]
        else if (kind[name] == "message")
            empty = empty (empty == "" ? "" : ", ") "`" name "`"
    }
    if (empty != "") printf "\nWithout fields: %s.\n", empty
    split("", rows)
    count = 0
}
BEGIN {
    titles["service"] = (json ? "| event" : "| rpc") " | request | reply | |\n| --- | --- | --- | --- |\n"
    titles["message"] = json ? "| field | type | |\n| --- | --- | --- |\n" : "| field | type | number | |\n| --- | --- | --- | --- |\n"
    titles["enum"] = json ? "| value | |\n| --- | --- |\n" : "| value | number | |\n| --- | --- | --- |\n"
}
FNR == 1 { finish_file(); if (!json) printf "\n## %s\n", FILENAME; print ""; in_head = 1 }
in_head && /^\/\// { sub(/^\/\/ ?/, ""); print; next }
{ in_head = 0; code = $0; sub(/ *\/\/.*/, "", code) }
code ~ /^ *(message|enum|service|oneof) / {
    stack[++depth] = $2; name = path(); order[++count] = name; kind[name] = $1; head[name] = comment($0)
    if (code ~ /}$/) depth--
    next
}
code ~ /^ *rpc / {
    split($0, part, /[ ()]+/)
    rows[path()] = rows[path()] sprintf("| `%s` | `%s` | `%s` | %s |\n", camel(part[3], 1), part[4], part[6], comment($0))
}
code ~ /^ *}/ { depth-- }
code ~ /^ *[a-zA-Z_0-9. ]+ = [0-9]+;$/ {
    type = number = code
    sub(/.* = /, "", number); sub(/;/, "", number); sub(/^ */, "", type); sub(/ = .*/, "", type)
    name = type; sub(/.* /, "", name)
    owner = path(); choice = ""
    if (kind[owner] == "oneof") { sub(/\.[^.]*$/, "", owner); choice = "one of: " }
    type = kind[owner] == "enum" ? "" : sprintf("%s%s | ", choice, substr(type, 1, length(type) - length(name) - 1))
    if (json) { name = kind[owner] == "enum" ? "\"" tolower(name) "\"" : camel(name); number = ""; sub(/ \| $/, "", type) }
    rows[owner] = rows[owner] sprintf("| `%s` |%s %s |\n", name, type number == "" ? "" : " " type number " |", comment($0))
}
END { finish_file() }
