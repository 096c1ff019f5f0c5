# Markdown of the metric tables in the sources: `#define NAME_METRICS(X)` has the rows, METRICS_TABLE(symbol, "prefix",
# NAME_METRICS) the prefix. Used by tools/make-docs.
function unquote(text, out, part, count, i) {
    count = split(text, part, "\"")
    for (i = 2; i <= count; i += 2) out = out part[i]
    return out
}
function read_rows(table, text) {
    while (match(text, /X\((COUNTER|GAUGE), *[a-z0-9_]+, *("[^"]*" *)+\)/)) {
        row = substr(text, RSTART + 2, RLENGTH - 3); text = substr(text, RSTART + RLENGTH)
        split(row, cell, /, */)
        help = unquote(substr(row, index(row, "\"")))
        rows[table] = rows[table] "| `sharestream_%s_" cell[2] "` | " tolower(cell[1]) " | " help " |\n"
    }
}
/^#define [A-Z]+_METRICS\(X\)/ { name = $2; sub(/\(X\)/, "", name); text = ""; on = 1 }
on { text = text $0 " "; if ($0 !~ /\\$/) { gsub(/\\ /, " ", text); read_rows(name, text); on = 0 } }
/^METRICS_TABLE\(/ {
    split($0, cell, /[(),; "]+/)
    order[++count] = cell[4]; prefix[cell[4]] = cell[3]; file[cell[4]] = FILENAME
}
END {
    for (i = 1; i <= count; i++) {
        printf "\n## %s\n\n| metric | kind | meaning |\n| --- | --- | --- |\n", prefix[order[i]]
        text = rows[order[i]]; gsub(/%s/, prefix[order[i]], text); printf "%s", text
    }
}
