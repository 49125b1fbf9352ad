"""The programs that the READMEs show, each deployed as it stands but for its port."""

import re
import urllib.request

import pytest
from support.programs import REPOSITORY, program

READMES = ["README.md", "bindings/python/README.md"]

PROGRAMS = [
    pytest.param(source, id=f"{readme}, program {number}")
    for readme in READMES
    for number, source in enumerate(
        re.findall(r"^```python\n(.*?)^```$", (REPOSITORY / readme).read_text(), re.DOTALL | re.MULTILINE), start=1
    )
]


@pytest.mark.parametrize("source", PROGRAMS)
def test_a_program_of_a_readme_serves_once_it_is_deployed_and_again_when_it_is_deployed_again(source, world, port):
    command = program(source.replace("8080", str(port)))
    old = world.deploy(command)
    old.prints("up after")
    urllib.request.urlopen(f"http://127.0.0.1:{port}/").close()
    new = world.deploy(command)
    new.prints("up after")
    urllib.request.urlopen(f"http://127.0.0.1:{port}/").close()
    assert old.exit() == 0


def test_each_readme_shows_a_program():
    assert len(PROGRAMS) >= len(READMES)
