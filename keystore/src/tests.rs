use super::*;

#[test]
fn a_key_comes_back_with_its_password_only() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("merchant.key");
    let key = generate().unwrap();
    write(&path, &key, "泉城 2026").unwrap();
    assert_eq!(public_key(&path).unwrap(), key.public_key());
    assert_eq!(open(&path, "泉城 2026").unwrap().public_key(), key.public_key());
    assert!(matches!(open(&path, "泉城 2027"), Err(KeyFileError::WrongPassword { .. })));
    assert!(matches!(write(&path, &key, "x"), Err(KeyFileError::Exists { .. })));
    assert!(matches!(open(&path, ""), Err(KeyFileError::UnusablePassword { .. })));
}

#[test]
fn every_changed_field_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.key");
    let (key, other) = (SigningKey::from_seed([1; 32]), SigningKey::from_seed([2; 32]));
    write(&path, &key, "p").unwrap();
    let text = fs::read_to_string(&path).unwrap();
    let swapped = text.replace(&key.public_key().to_string(), &other.public_key().to_string());
    let huge = text.replace(&MEMORY_KIB.to_string(), "4294967295");
    for changed in
        [swapped, huge, text.replace("argon2id", "md5"), text[..text.len() / 2].to_owned(), text.replace("nonce", "n")]
    {
        let forged = dir.path().join("b.key");
        fs::write(&forged, changed).unwrap();
        assert!(open(&forged, "p").is_err());
    }
}

#[cfg(unix)]
#[test]
fn the_file_is_private() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.key");
    write(&path, &SigningKey::from_seed([1; 32]), "p").unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
}

/// What editors leave behind is no part of a password.
#[test]
fn a_byte_order_mark_and_line_ends_are_no_part_of_a_password() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("password");
    for text in ["泉城 2026", "泉城 2026\n", "\u{feff}泉城 2026\r\nmore\n"] {
        fs::write(&path, text).unwrap();
        assert_eq!(read_password(&path).unwrap().as_str(), "泉城 2026", "{text:?}");
    }
    let longest = "p".repeat(PASSWORD_BYTES_MAX);
    fs::write(&path, format!("\u{feff}{longest}\r\n{}", "x".repeat(1 << 20))).unwrap();
    assert_eq!(*read_password(&path).unwrap(), longest);
    fs::write(&path, "p".repeat(1 << 20)).unwrap();
    assert!(matches!(read_password(&path), Err(KeyFileError::UnusablePassword { .. })), "no line end and no end");
    fs::write(&path, b"\xff\n").unwrap();
    assert!(matches!(read_password(&path), Err(KeyFileError::Io { .. })));
    fs::write(&path, "\u{feff}\n").unwrap();
    assert!(matches!(read_password(&path), Err(KeyFileError::UnusablePassword { bytes: 0 })));
}

#[cfg(unix)]
#[test]
fn files_that_others_may_read_are_known() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("password");
    fs::write(&path, "p").unwrap();
    for (mode, is_open) in [(0o600, false), (0o400, false), (0o640, true), (0o604, true), (0o620, true)] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        assert_eq!(is_open_to_others(&path), is_open, "{mode:o}");
    }
}

/// A device states no size and has no end; a pipe may never begin.
#[cfg(unix)]
#[test]
fn what_is_no_plain_file_or_too_large_is_no_key_file() {
    let dir = tempfile::tempdir().unwrap();
    let link = dir.path().join("link");
    std::os::unix::fs::symlink("/dev/zero", &link).unwrap();
    for (path, kind) in [
        (Path::new("/dev/zero"), io::ErrorKind::InvalidInput),
        (&link, io::ErrorKind::InvalidInput),
        (Path::new("/dev/null"), io::ErrorKind::InvalidInput),
        (dir.path(), io::ErrorKind::IsADirectory),
    ] {
        for error in [public_key(path).unwrap_err(), open(path, "p").unwrap_err()] {
            assert!(matches!(&error, KeyFileError::Io { error, .. } if error.kind() == kind), "{error}");
        }
    }
    let large = dir.path().join("large");
    fs::write(&large, vec![b' '; 16 * 1024 + 1]).unwrap();
    assert!(matches!(public_key(&large), Err(KeyFileError::Malformed { .. })));
    fs::write(&large, "abc").unwrap();
    assert_eq!(plain::read(&large, 3).unwrap(), b"abc");
    assert_eq!(plain::read(&large, 2).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
}
