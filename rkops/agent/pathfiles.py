"""`.pth` files that let root import from a directory another account can write.

site.py adds every line of a `.pth` file in a site directory to sys.path (Python docs, site);
whoever can write there runs code as root.
"""

import os

from rkops.agent.fact import look, present
from rkops.agent.sitepath import is_code, lines_of
from rkops.agent.trust import writer


def _targets(tree, site: str, path: str) -> list:
    """Return the directories the lines of a `.pth` file name; code lines are not directories."""
    lines = [line for line in lines_of(tree, path) if not is_code(line)]
    return [os.path.normpath(os.path.join(site, line)) for line in lines]


def _path_files(tree, accounts, sites: list) -> dict:
    found = []
    for site in sites:
        # Only what root's own directories say: one the user owns is a finding by itself.
        if writer(tree, accounts, site):
            continue
        for name in tree.names(site):
            path = "%s/%s" % (site, name)
            if not name.endswith(".pth"):
                continue
            try:
                targets = _targets(tree, site, path)
            except OSError:
                continue
            for target in targets:
                who = writer(tree, accounts, target)
                if who:
                    found.append({"path": path, "target": target, "writer": who})
    return present(found, ", ".join(sites))


def gather(tree, accounts, sites: list) -> dict:
    """Return the PathFiles of facts/board.py for root's site directories."""
    return look("site directories", _path_files, tree, accounts, sites)
