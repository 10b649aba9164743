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
    """`entries`: (path, content). What name and content say together, and the places of the entries of other contents whose name it is."""
    if not entries:
        return "nothing", set()
    given = parts(name)
    fits = [(fit(given, path.split("/")) or (0, False), other == content) for path, other in entries]
    best = max((score for score, is_same in fits if is_same), default=(0, False))
    better = {at for at, (score, is_same) in enumerate(fits) if not is_same and score > best}
    if best[0] and not better:
        return "listed", set()
    if any(is_same for _, is_same in fits):
        return "elsewhere", better
    return "unlisted", set()


def all_named(items, files):
    """Whether each item has a file of its name and content; `items`: (path, content), `files`: (name, content)."""
    left = [(path.split("/"), content) for path, content in items]
    for given, content in sorted(((parts(name), content) for name, content in files), key=lambda file: -len(file[0])):
        scores = [(score, at) for at, (path, of) in enumerate(left) if of == content and (score := fit(given, path))]
        if scores:
            del left[max(scores)[1]]
    return not left
