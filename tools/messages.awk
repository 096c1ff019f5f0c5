# Markdown of .proto files: the comment at the top, then a table for each service, message and enum in the order of the
# file. A comment at the end of a line explains that line. Used by tools/make-docs.
function comment(text) {
    if (!sub(/^[^\/]*\/\/ */, "", text)) return ""
    gsub(/\|/, "\\|", text)
    return text
}
function path(i, out) {
    for (i = 1; i <= depth; i++) out = out (i > 1 ? "." : "") stack[i]
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
    titles["service"] = "| rpc | request | reply | |\n| --- | --- | --- | --- |\n"
    titles["message"] = "| field | type | number | |\n| --- | --- | --- | --- |\n"
    titles["enum"] = "| value | number | |\n| --- | --- | --- |\n"
}
FNR == 1 { finish_file(); printf "\n## %s\n\n", FILENAME; in_head = 1 }
in_head && /^\/\// { sub(/^\/\/ ?/, ""); print; next }
{ in_head = 0; code = $0; sub(/ *\/\/.*/, "", code) }
code ~ /^ *(message|enum|service|oneof) / {
    stack[++depth] = $2; name = path(); order[++count] = name; kind[name] = $1; head[name] = comment($0)
    if (code ~ /}$/) depth--
    next
}
code ~ /^ *rpc / {
    split($0, part, /[ ()]+/)
    rows[path()] = rows[path()] sprintf("| `%s` | `%s` | `%s` | %s |\n", part[3], part[4], part[6], comment($0))
}
code ~ /^ *}/ { depth-- }
code ~ /^ *[a-zA-Z_0-9. ]+ = [0-9]+;$/ {
    type = number = code
    sub(/.* = /, "", number); sub(/;/, "", number); sub(/^ */, "", type); sub(/ = .*/, "", type)
    name = type; sub(/.* /, "", name)
    owner = path(); choice = ""
    if (kind[owner] == "oneof") { sub(/\.[^.]*$/, "", owner); choice = "one of: " }
    type = kind[owner] == "enum" ? "" : sprintf("%s%s | ", choice, substr(type, 1, length(type) - length(name) - 1))
    rows[owner] = rows[owner] sprintf("| `%s` | %s%s | %s |\n", name, type, number, comment($0))
}
END { finish_file() }
