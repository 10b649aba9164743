"""What a file is called, beside what it holds (docs/bundle.md, Names of files)."""


def parts(name):
    found = []
    for part in name.split("/"):
        if part == "..":
            del found[-1:]
        elif part not in ("", "."):
            found.append(part)
    return found


def fit(given, listed):
    """How well a name fits a path: (names shared, whether the whole path), or None."""
    shared = min(len(given), len(listed))
    if shared == 0 or given[-shared:] != listed[-shared:]:
        return None
    return shared, len(given) >= len(listed)


def judge(name, content, entries):
    """`entries`: (path, content). What name and content say together."""
    if not entries:
        return "nothing"
    given = parts(name)
    fits = [(fit(given, path.split("/")), path, other == content) for path, other in entries]
    own = [(score, path) for score, path, is_same in fits if score and is_same]
    rival = [(score, path) for score, path, is_same in fits if score and not is_same]
    best = max((score for score, _ in own), default=None)
    if best is not None:
        paths = {path for score, path in own if score == best}
        # Two contents under one path: either may be meant.
        if all(score < best or (score == best and path in paths) for score, path in rival):
            return "listed"
    if any(other == content for _, other in entries):
        return "mixed" if rival else "elsewhere"
    return "unlisted"


def all_named(items, files):
    """Whether each item has a file of its name and content; `items`: (path, content), `files`: (name, content)."""
    left = [(path.split("/"), content) for path, content in items]
    for given, content in sorted(((parts(name), content) for name, content in files), key=lambda file: -len(file[0])):
        scores = [(score, at) for at, (path, of) in enumerate(left) if of == content and (score := fit(given, path))]
        if scores:
            del left[max(scores)[1]]
    return not left
