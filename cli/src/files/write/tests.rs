use super::*;

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn nothing_of_the_user_is_touched_beside_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("a.json");
    fs::write(dir.path().join("a.json.part"), "mine").unwrap();
    write_new(&out, b"1").unwrap();
    write_over(&out, b"2", &|_| Ok(())).unwrap();
    assert_eq!(fs::read(&out).unwrap(), b"2");
    assert_eq!(fs::read(dir.path().join("a.json.part")).unwrap(), b"mine");
    assert_eq!(names(dir.path()), ["a.json", "a.json.part"]);
}

/// A path that was mistyped is told before anything is done, and nothing is made for it.
#[test]
fn no_output_makes_the_folders_above_it() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("no/such");
    for fault in [
        absent(&out.join("x")).unwrap_err(),
        write_new(&out.join("x"), b"x").unwrap_err(),
        make_folder(&out).unwrap_err(),
    ] {
        assert_eq!(fault.code, "NO_FOLDER");
    }
    assert!(names(dir.path()).is_empty());
    make_folder(&dir.path().join("no")).unwrap();
    make_folder(&out).unwrap();
    make_folder(&out).unwrap();
    write_new(&out.join("x"), b"x").unwrap();
    fs::write(dir.path().join("file"), "").unwrap();
    assert_eq!(make_folder(&dir.path().join("file")).unwrap_err().code, "FILE");
}

/// What is killed while it writes leaves nothing: no name leads to half a file.
#[test]
fn a_file_that_is_not_whole_has_no_name() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("a.json");
    assert!(unnamed(dir.path(), MODE).is_some(), "the file system of this test knows files without names");
    let mut part = Part::new(&out, b"1", MODE_PRIVATE, false).unwrap();
    assert!(names(dir.path()).is_empty());
    part.place(&out).unwrap();
    assert_eq!((names(dir.path()), fs::read(&out).unwrap()), (vec!["a.json".to_owned()], b"1".to_vec()));
    assert_eq!(fs::metadata(&out).unwrap().permissions().mode() & 0o777, MODE_PRIVATE);
    assert_eq!(part.place(&out).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
    // A name of our own lives no longer than the part.
    let mut part = Part::new(&out, b"2", MODE, false).unwrap();
    let name = part.name(&out).unwrap();
    assert_eq!((fs::read(&name).unwrap(), names(dir.path()).len()), (b"2".to_vec(), 2));
    drop(part);
    assert_eq!(names(dir.path()), ["a.json"]);
}

/// Where the file system knows no files without names, all is as it is elsewhere.
#[test]
fn a_file_with_a_name_of_our_own_takes_its_place() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("a.json");
    let part = || Part::new_named(&out, b"1", MODE, false).unwrap();
    drop(part());
    assert!(names(dir.path()).is_empty());
    part().place(&out).unwrap();
    assert_eq!(part().place(&out).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
    assert_eq!(names(dir.path()), ["a.json"]);
}

#[test]
fn what_is_no_plain_file_keeps_its_place() {
    let dir = tempfile::tempdir().unwrap();
    let (link, real) = (dir.path().join("link"), dir.path().join("real"));
    fs::write(&real, "mine").unwrap();
    std::os::unix::fs::symlink(&real, &link).unwrap();
    let dangling = dir.path().join("dangling");
    std::os::unix::fs::symlink("nowhere", &dangling).unwrap();
    let socket = dir.path().join("socket");
    let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    for (path, code) in [
        (link.as_path(), "NOT_A_FILE"),
        (&dangling, "NOT_A_FILE"),
        (&socket, "NOT_A_FILE"),
        (Path::new("/dev/null"), "NOT_A_FILE"),
        (Path::new("/dev/stdout"), "NOT_A_FILE"),
        (dir.path(), "IS_A_FOLDER"),
    ] {
        assert_eq!(write_over(path, b"x", &|_| Ok(())).unwrap_err().code, code, "{}", path.display());
        assert_eq!(write_new_private(path, b"x").unwrap_err().code, code, "{}", path.display());
        assert_eq!(absent(path).unwrap_err().code, code, "{}", path.display());
    }
    assert_eq!(fs::read(&real).unwrap(), b"mine");
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
}

#[test]
fn a_secret_is_new_and_its_owners_alone() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("a.bundle");
    write_new_private(&out, b"salts").unwrap();
    assert_eq!(fs::metadata(&out).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(write_new_private(&out, b"others").unwrap_err().code, "EXISTS");
    assert_eq!(fs::read(&out).unwrap(), b"salts");
    // Written again, it stays closed.
    write_over(&out, b"more", &|_| Ok(())).unwrap();
    assert_eq!(fs::metadata(&out).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(names(dir.path()), ["a.bundle"]);
}

/// Whatever an output is called, it does not take the place of anything, not even of what nobody may write to.
#[test]
fn what_is_there_is_not_written_over() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("thesis.txt");
    for (content, mode) in [("", 0o600), ("a thesis", 0o666), ("a thesis", 0o400)] {
        fs::write(&out, content).unwrap();
        fs::set_permissions(&out, fs::Permissions::from_mode(mode)).unwrap();
        for write in [write_new, write_new_private] {
            let fault = write(&out, b"x").unwrap_err();
            assert_eq!(fault.code, "EXISTS");
            assert!(fault.hint.unwrap().words(crate::text::Lang::En).contains("another name"));
        }
        assert_eq!(fs::read_to_string(&out).unwrap(), content);
        fs::remove_file(&out).unwrap();
    }
    let at_once = std::thread::scope(|scope| {
        let all: Vec<_> = (0..4).map(|_| scope.spawn(|| write_new(&out, b"x").is_ok())).collect();
        all.into_iter().map(|one| one.join().unwrap()).collect::<Vec<_>>()
    });
    assert_eq!(at_once.iter().filter(|is_written| **is_written).count(), 1);
    assert_eq!(names(dir.path()), ["thesis.txt"]);
}

#[test]
fn two_outputs_are_two_files() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("f")).unwrap();
    let path = |name: &str| dir.path().join(name);
    let code = |one: &str, other: &str| distinct(&[&path(one), &path(other)]).err().map(|fault| fault.code);
    assert_eq!(code("a", "b"), None);
    assert_eq!(code("f/a", "a"), None);
    for (one, other) in [("a", "a"), ("a", "./a"), ("a", "f/../a"), ("f/a", "f//a")] {
        assert_eq!(code(one, other).as_deref(), Some("SAME_FILE"), "{one} {other}");
    }
    assert_eq!(distinct(&[Path::new("a"), Path::new("./a")]).unwrap_err().code, "SAME_FILE");
}

/// Between the look and the placing another program puts something there, or takes it away.
#[test]
fn what_comes_to_the_place_meanwhile_stays() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("a.bundle");
    let stays = || Err(Fault::usage("STAYS", say!("留。", "It stays.")));
    let is_old = |found: &Path| if fs::read(found).unwrap() == b"old" { Ok(()) } else { stays() };
    let meanwhile = |act: &dyn Fn()| {
        fs::write(&out, "old").unwrap();
        let looks = std::cell::Cell::new(0);
        let result = write_over(&out, b"result", &|found| {
            let answer = is_old(found);
            if looks.replace(looks.get() + 1) == 0 {
                act();
            }
            answer
        });
        (result.map_err(|fault| fault.code), fs::read(&out).ok())
    };
    let notarized = || {
        fs::remove_file(&out).unwrap();
        write_new_private(&out, b"salts").unwrap();
    };
    assert_eq!(meanwhile(&notarized), (Err("STAYS".to_owned()), Some(b"salts".to_vec())));
    assert_eq!(meanwhile(&|| fs::write(&out, "rewritten").unwrap()).1, Some(b"rewritten".to_vec()));
    assert_eq!(meanwhile(&|| fs::remove_file(&out).unwrap()), (Ok(()), Some(b"result".to_vec())));
    assert_eq!(meanwhile(&|| ()), (Ok(()), Some(b"result".to_vec())));
    assert_eq!(names(dir.path()), ["a.bundle"]);
}

#[test]
fn long_names_have_room() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("x".repeat(255));
    write_new(&out, b"1").unwrap();
    write_new_private(&dir.path().join("y".repeat(255)), b"1").unwrap();
    assert_eq!(names(dir.path()).len(), 2);
}
