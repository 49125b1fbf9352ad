#!/usr/bin/env python3
"""Makes a site of the documents in docs/SUMMARY.md with mdBook, and checks every link in it.

usage: build.py MDBOOK FOLDER

The documents are written to be read on a forge, where each is where it is in the repository. So they are here: FOLDER/src has
them at the same paths, and FOLDER/site what is made of them. A link to a file that is no document of the site leads to the forge.
"""

import html.parser
import posixpath
import re
import shutil
import subprocess
import sys
import urllib.parse
from pathlib import Path

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parents[1]
SUMMARY = "docs/SUMMARY.md"
FORGE = "https://github.com/serverswap/serverswap"
LINK = re.compile(r"\]\(([^)\s]+)\)")


def document_of(link, base, documents):
    """The document that a link in `base` leads to, and what it says it is relative to the root otherwise."""
    path = posixpath.normpath(posixpath.join(posixpath.dirname(base), link))
    readme = posixpath.join(path, "README.md")
    return (path if path in documents else readme if readme in documents else None), path


def rewritten(text, base, documents):
    """The text with each link as it has to be in the site."""

    def target(match):
        link, hash, heading = match[1].partition("#")
        if "://" in match[1] or not link:
            return match[0]
        document, path = document_of(link, base, documents)
        if document is None:
            kind = "tree" if (REPOSITORY / path).is_dir() else "blob"
            return f"]({FORGE}/{kind}/main/{path}{hash}{heading})"
        # mdBook makes index.html of a README.
        to = re.sub(r"README\.md$", "index.md", posixpath.relpath(document, posixpath.dirname(base)))
        return f"]({to}{hash}{heading})"

    blocks = re.split(r"(^```.*?^```$)", text, flags=re.DOTALL | re.MULTILINE)
    return "".join(part if part.startswith("```") else LINK.sub(target, part) for part in blocks)


class Page(html.parser.HTMLParser):
    """What a page links to, and what in it can be linked to."""

    def __init__(self, text):
        super().__init__()
        self.links, self.ids = [], set()
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.ids.update(value for name in ("id", "name") if (value := attributes.get(name)))
        if tag == "a" and (link := attributes.get("href")):
            self.links.append(link)


def broken_links(site):
    """Each link of a page to a page or a heading that is not there."""
    pages = {path: Page(path.read_text()) for path in site.rglob("*.html")}
    for path, page in pages.items():
        for link in page.links:
            url = urllib.parse.urlsplit(link)
            if url.scheme or url.netloc:
                continue
            to = (path.parent / urllib.parse.unquote(url.path)).resolve() if url.path else path
            heading = urllib.parse.unquote(url.fragment)
            if not to.is_file() or (heading and to in pages and heading not in pages[to].ids):
                yield f"{path.relative_to(site)}: {link}"


def main(mdbook, folder):
    folder = Path(folder).resolve()
    shutil.rmtree(folder, ignore_errors=True)
    source = folder / "src"
    source.mkdir(parents=True)
    summary = (REPOSITORY / SUMMARY).read_text()
    documents = {posixpath.normpath(posixpath.join("docs", link)) for link in LINK.findall(summary)}
    for document in documents:
        (source / document).parent.mkdir(parents=True, exist_ok=True)
        (source / document).write_text(rewritten((REPOSITORY / document).read_text(), document, documents))
    at_root = LINK.sub(lambda match: f"]({posixpath.normpath(posixpath.join('docs', match[1]))})", summary)
    (source / "SUMMARY.md").write_text(at_root)
    for name in ("book.toml", "site.css"):
        shutil.copy(HERE / name, folder)
    subprocess.run([mdbook, "build", str(folder)], check=True)
    broken = sorted(set(broken_links(folder / "site")))
    if broken:
        sys.exit("\n".join(["error: links that lead nowhere:", *broken]))
    print(f"made: {folder / 'site' / 'index.html'}, from {len(documents)} documents")


if __name__ == "__main__":
    main(*sys.argv[1:])
