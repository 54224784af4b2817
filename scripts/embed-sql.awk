# Turns numbered SQL files into the table of event-handler/store/migrations.h:
# awk -f embed-sql.awk 0001_events.sql 0002_... > migrations.c      (run under LC_ALL=C)
function finish()
{
    if (open)
        print "},"
}
BEGIN {
    print "/* Generated; do not edit. */\n#include \"store/migrations.h\"\n\nconst struct migration migrations[] = {"
}
FNR == 1 {
    finish()
    open = 1
    file = FILENAME
    sub(/.*\//, "", file)
    if (file !~ /^[0-9][0-9][0-9][0-9]_[a-z0-9_]+\.sql$/) {
        print "embed-sql: " FILENAME ": the name must be like 0001_events.sql" > "/dev/stderr"
        failed = 1
        exit 1
    }
    name = substr(file, 6, length(file) - 9)
    printf "    {%d, \"%s\",", substr(file, 1, 4), name
}
{
    gsub(/["\\?]/, "\\\\&")
    gsub(/\t/, "\\t")
    printf "\n     \"%s\\n\"", $0
}
END {
    if (!failed) {
        finish()
        print "};\nconst size_t n_migrations = sizeof(migrations) / sizeof(migrations[0]);"
    }
}
