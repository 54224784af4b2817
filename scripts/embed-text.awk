# Turns a text file into C: awk -f embed-text.awk -v name=NAME -v header=HEADER FILE
# Run under LC_ALL=C, so that bytes stay bytes. "?" is escaped because C17 still has trigraphs.
BEGIN {
    printf "/* Generated; do not edit. */\n#include \"%s\"\n\nconst char %s[] =", header, name
}
{
    gsub(/["\\?]/, "\\\\&")
    gsub(/\t/, "\\t")
    gsub(/\r/, "\\r")
    printf "\n    \"%s\\n\"", $0
}
END {
    printf ";\nconst size_t %s_len = sizeof(%s) - 1;\n", name, name
}
