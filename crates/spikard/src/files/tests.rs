//! Files through a whole app: what only a directory that changes can show.

use crate::{App, Files, Response, TestClient};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::{Duration, SystemTime};

fn client(files: Files) -> TestClient {
    TestClient::new(App::new("Site", "1").files("/f", files)).expect("a right app")
}

/// As if it had lain there for a while.
fn write(path: &Path, content: impl AsRef<[u8]>) {
    fs::write(path, content).expect("a file");
}

#[test]
fn a_file_that_changes_is_seen_at_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("a.txt");
    let client = client(Files::of(folder.path()));
    for text in ["one", "two", "three", "four"] {
        write(&file, text);
        assert_eq!(client.get("/f/a.txt").wait().text(), text);
        assert_eq!(client.get("/f/a.txt").wait().text(), text);
    }
    fs::remove_file(&file).expect("it is there");
    assert_eq!(client.get("/f/a.txt").wait().status, 404);
    // A directory that took the root's place.
    let (root, other) = (folder.path().join("root"), folder.path().join("other"));
    for (path, text) in [(&root, "old"), (&other, "new")] {
        fs::create_dir(path).expect("a folder");
        write(&path.join("a"), text);
    }
    let client = self::client(Files::of(&root));
    assert_eq!(client.get("/f/a").wait().text(), "old");
    fs::rename(&root, folder.path().join("gone")).expect("renamed");
    fs::rename(&other, &root).expect("renamed");
    assert_eq!(client.get("/f/a").wait().text(), "new");
}

#[test]
fn what_is_no_file_below_the_root_is_not_found() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    fs::create_dir_all(at("served/sub")).expect("a folder");
    write(&at("secret"), "secret");
    write(&at("served/.env"), "secret");
    write(&at("served/sub/in"), "in");
    symlink(at("secret"), at("served/out")).expect("a link");
    symlink("../..", at("served/sub/over")).expect("a link");
    symlink("/dev/zero", at("served/zero")).expect("a link");
    symlink("sub/in", at("served/inner")).expect("a link");
    symlink("loop", at("served/loop")).expect("a link");
    let fifo = std::process::Command::new("mkfifo")
        .arg(at("served/fifo"))
        .status();
    assert!(fifo.expect("mkfifo").success());
    let socket = std::os::unix::net::UnixListener::bind(at("served/socket")).expect("a socket");
    let client = client(Files::of(at("served")));
    for path in [
        "out",
        "sub/over/secret",
        "sub/over/served/sub/in",
        "zero",
        "loop",
        "fifo",
        "socket",
        ".env",
        "sub/",
        "sub",
        "sub/in/",
        "sub/in/x",
        "..%2fsecret",
        "%2e%2e/secret",
        "../secret",
        "sub//in",
        "/sub/in",
        "sub%2fin",
        "sub%5cin",
        "in%00",
        "%2fetc%2fpasswd",
    ] {
        let answer = client.get(&format!("/f/{path}")).wait();
        assert_eq!(answer.status, 404, "{path}");
        assert!(
            answer.text().contains("there is no such file"),
            "{path}: {}",
            answer.text()
        );
    }
    let long = "x".repeat(300);
    assert_eq!(client.get(&format!("/f/{long}")).wait().status, 404);
    assert_eq!(client.get("/f/inner").wait().text(), "in");
    assert_eq!(client.get("/f/sub/in").wait().text(), "in");
    drop(socket);
}

#[test]
fn large_files_go_out_in_pieces_with_their_length() {
    let folder = tempfile::tempdir().expect("a folder");
    let content: Vec<u8> = (0..1_000_003_u32).map(|at| (at % 251) as u8).collect();
    write(&folder.path().join("large"), &content);
    let client = client(Files::of(folder.path()));
    let whole = client.get("/f/large").wait();
    assert_eq!(
        (
            whole.header("content-length"),
            whole.header("transfer-encoding")
        ),
        (Some("1000003"), None)
    );
    assert!(whole.body == content);
    let part = client
        .get("/f/large")
        .header("range", "bytes=100000-400000")
        .wait();
    assert_eq!(
        (part.status, part.header("content-range")),
        (206, Some("bytes 100000-400000/1000003"))
    );
    assert!(part.body == content[100_000..=400_000]);
    let head = client.request("HEAD", "/f/large").wait();
    assert_eq!(
        (head.header("content-length"), head.body.len()),
        (Some("1000003"), 0)
    );
    let parts = client
        .get("/f/large")
        .header("range", "bytes=0-99999,-3")
        .wait();
    let boundary = parts
        .header("content-type")
        .and_then(|text| text.split_once("boundary="));
    let boundary = boundary.expect("a multipart").1;
    let mut expected = format!(
        "--{boundary}\r\ncontent-type: application/octet-stream\r\ncontent-range: bytes 0-99999/1000003\r\n\r\n"
    )
    .into_bytes();
    expected.extend_from_slice(&content[..100_000]);
    expected.extend_from_slice(
        format!("\r\n--{boundary}\r\ncontent-type: application/octet-stream\r\ncontent-range: bytes 1000000-1000002/1000003\r\n\r\n")
            .as_bytes(),
    );
    expected.extend_from_slice(&content[1_000_000..]);
    expected.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
    assert_eq!(
        parts.header("content-length"),
        Some(&*expected.len().to_string())
    );
    assert!(parts.body == expected);
}

#[test]
fn what_lies_still_is_kept_until_the_disk_says_otherwise() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("a.txt");
    write(&file, "one");
    let old = SystemTime::now() - Duration::from_secs(3600);
    fs::File::options()
        .write(true)
        .open(&file)
        .and_then(|file| file.set_modified(old))
        .expect("a time");
    let client = client(Files::of(&file));
    let first = client.get("/f").wait();
    let tag = first.header("etag").expect("a tag").to_owned();
    let again = client.get("/f").header("if-none-match", &tag).wait();
    assert_eq!(
        (first.text(), again.status, again.body.len()),
        ("one", 304, 0)
    );
    write(&file, "two");
    let changed = client.get("/f").header("if-none-match", &tag).wait();
    assert_eq!((changed.status, changed.text()), (200, "two"));
}

#[test]
fn routes_of_the_app_go_first_and_mistakes_teach() {
    let folder = tempfile::tempdir().expect("a folder");
    write(&folder.path().join("index.html"), "index");
    write(&folder.path().join("docs"), "own");
    let app = App::new("Site", "1")
        .get("/", || async { Response::text(200, "own root") })
        .files("/", folder.path())
        .group("/g", |group| group.files("/", folder.path()));
    let client = TestClient::new(app).expect("a right app");
    for (path, text) in [
        ("/", "own root"),
        ("/index.html", "index"),
        ("/g/", "index"),
        ("/g/index.html", "index"),
    ] {
        assert_eq!(client.get(path).wait().text(), text, "{path}");
    }
    let moved = client.get("/g?a=1").wait();
    assert_eq!(
        (moved.status, moved.header("location")),
        (308, Some("/g/?a=1"))
    );
    assert_eq!(client.get("/health/live").wait().status, 200);
    let wrong = |app: App| app.freeze().expect_err("a mistake").to_string();
    for (app, says) in [
        (
            App::new("Site", "1").files("/f", "/nowhere/at/all"),
            "write the path of a directory or file that exists",
        ),
        (
            App::new("Site", "1").files("/f/", folder.path()),
            "write \"/f\"",
        ),
        (
            App::new("Site", "1").files("/f", Files::of(folder.path()).fallback("app.html")),
            "write the name of a file in it",
        ),
        (
            App::new("Site", "1").files("/f", Files::of(folder.path()).index("../x")),
            "write one such as \"index.html\"",
        ),
    ] {
        let message = wrong(app);
        assert!(
            message.contains(says) && message.contains("tests.rs:"),
            "{message}"
        );
    }
}
