# Prints the section of one version of CHANGELOG.md:
#
#     awk -v version=1.2.3 -f .github/release-notes.awk CHANGELOG.md
#
# Its heading must be `## [1.2.3] - 2026-01-31`. Without one, nothing is printed.
#
# The lines of a paragraph are joined. CHANGELOG.md is wrapped for editors, and a GitHub release
# would show each line break.

function end_paragraph() {
    if (paragraph != "") print paragraph
    paragraph = ""
}

# The links of the headings, at the end of the file, belong to no version.
/^\[[^]]*\]: / { next }

/^## / {
    end_paragraph()
    dated = $3 == "-" && $4 ~ /^[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]$/
    inside = dated && $2 == "[" version "]"
    next
}
!inside { next }

/^[ ]*```/ { end_paragraph(); code = !code; print; next }
code { print; next }
/^[ \t]*$/ || /^#/ || /^[|>]/ { end_paragraph(); print; next }
/^[ ]*([-*+]|[0-9]+[.)]) / { end_paragraph(); paragraph = $0; next }
{
    sub(/^[ \t]+/, "")
    paragraph = (paragraph == "" ? $0 : paragraph " " $0)
}
END { end_paragraph() }
