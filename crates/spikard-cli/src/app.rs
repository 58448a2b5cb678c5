//! Which app is meant: from the command line, or the one this folder holds. Starts nothing.

use crate::output::Failure;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

/// What the files of a language are called, and what they make.
struct Language {
    /// Files that make a folder an app's.
    files: &'static [&'static str],
    /// Ends of the names of its files.
    ends: &'static [&'static str],
    app: fn(String) -> App,
    /// A colon may name what the file holds; else the file is a program that ends with the app's `run()`.
    attributes: bool,
}

/// In the order listed; how an app is started, `launch` says.
const LANGUAGES: [Language; 4] = [
    Language {
        files: &["app.py", "main.py"],
        ends: &[".py"],
        app: App::Python,
        attributes: true,
    },
    Language {
        files: &["app.ts", "app.mts", "app.mjs", "app.js"],
        ends: &[".ts", ".mts", ".mjs", ".js"],
        app: App::Node,
        attributes: true,
    },
    Language {
        files: &["app.rb", "config.ru"],
        ends: &[".rb", ".ru"],
        app: App::Ruby,
        attributes: true,
    },
    Language {
        files: &["app.php", "public/index.php"],
        ends: &[".php"],
        app: App::Php,
        attributes: false,
    },
];
const CARGO: &str = "Cargo.toml";

const KINDS: &str = "an app is a file (app.py, app.ts, app.rb, app.php), a file's attribute (app.py:api), a Python module (shop.web:api) or a Cargo project";

/// The language of a file with this name.
fn language(place: &str) -> Option<&'static Language> {
    LANGUAGES
        .iter()
        .find(|language| language.ends.iter().any(|end| place.ends_with(end)))
}

impl Language {
    /// The app in the file `place`; `text` may name one of its attributes too.
    fn app(&self, place: &str, text: String) -> Result<App, Failure> {
        match std::fs::metadata(place) {
            Ok(found) if found.is_file() => {}
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                return Err(Failure::app(format!("cannot read {place}: {error}")));
            }
            _ => return Err(missing(place)),
        }
        if !self.attributes && text != place {
            return Err(Failure::usage(format!(
                "{text:?} names no app: {place} is the app's program"
            ))
            .advice(format!("name the file alone: {place}")));
        }
        Ok((self.app)(text))
    }
}

/// An app that can be started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum App {
    /// `app.py`, `app.py:attribute`, `module:attribute` or `module`, as the Python worker takes it.
    Python(String),
    /// `app.ts` or `app.ts:name`, as the Node worker takes it.
    Node(String),
    /// `app.rb`, `app.rb:Name` or `config.ru`, as the Ruby worker takes it.
    Ruby(String),
    /// `app.php`, a program that ends with the app's `run()`.
    Php(String),
    /// The `Cargo.toml` of a project whose program serves.
    Cargo(PathBuf),
    /// A program and its arguments, which ends with the app's `run()`.
    Program(Vec<OsString>),
}

impl App {
    /// As the user would write it.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Python(text) | Self::Node(text) | Self::Ruby(text) | Self::Php(text) => {
                text.clone()
            }
            Self::Cargo(manifest) => match manifest.parent() {
                Some(folder) if folder != Path::new("") => folder.display().to_string(),
                _ => ".".to_owned(),
            },
            Self::Program(words) => {
                let words: Vec<_> = words.iter().map(|word| word.to_string_lossy()).collect();
                words.join(" ")
            }
        }
    }

    /// The folder that its files are in; of a module or a compiled program, the current one.
    pub(crate) fn folder(&self) -> PathBuf {
        let file = match self {
            Self::Cargo(manifest) => manifest.as_path(),
            Self::Program(words) => script(words).unwrap_or(Path::new("")),
            Self::Python(text) | Self::Node(text) | Self::Ruby(text) | Self::Php(text) => {
                match text.split(':').next() {
                    Some(place) if language(place).is_some() => Path::new(place),
                    _ => Path::new(""),
                }
            }
        };
        match file.parent() {
            Some(folder) if folder != Path::new("") => folder.to_owned(),
            _ => PathBuf::from("."),
        }
    }
}

/// The app that `text` names; without it, the one of the current folder.
pub(crate) fn find(text: Option<String>) -> Result<App, Failure> {
    let Some(text) = text else {
        return in_folder(Path::new(""));
    };
    let path = Path::new(&text);
    if path.is_dir() {
        return in_folder(path);
    }
    if path.file_name().is_some_and(|name| name == CARGO) && path.is_file() {
        return Ok(App::Cargo(path.to_owned()));
    }
    let (place, attribute) = text.split_once(':').unwrap_or((&text, "app"));
    if !is_dotted(attribute) {
        return Err(Failure::usage(format!(
            "{text:?} names no app: {attribute:?} is not a name"
        ))
        .advice("write the name of the variable after the colon: app.py:app"));
    }
    if let Some(language) = language(place) {
        let place = place.to_owned();
        return language.app(&place, text);
    }
    if Path::new(place).is_file() {
        return Err(Failure::usage(format!("{place} is no app")).advice(KINDS));
    }
    if is_dotted(place) {
        Ok(App::Python(text))
    } else {
        Err(missing(place))
    }
}

fn in_folder(folder: &Path) -> Result<App, Failure> {
    let files = LANGUAGES.iter().flat_map(|language| language.files);
    let files: Vec<&str> = files.copied().chain([CARGO]).collect();
    let found: Vec<PathBuf> = files
        .iter()
        .map(|file| folder.join(file))
        .filter(|path| path.is_file())
        .collect();
    match found.as_slice() {
        [one] => {
            let text = one.display().to_string();
            match language(&text) {
                Some(language) => language.app(&text.clone(), text),
                None => Ok(App::Cargo(one.clone())),
            }
        }
        [] => {
            let place = if folder == Path::new("") {
                "this folder".to_owned()
            } else {
                folder.display().to_string()
            };
            Err(Failure::usage(format!(
                "no app in {place}: it has none of {}",
                files.join(", ")
            ))
            .advice("name it: spikard run path/to/app.py"))
        }
        several => {
            let names: Vec<String> = several
                .iter()
                .map(|path| path.display().to_string())
                .collect();
            Err(
                Failure::usage(format!("several apps are here: {}", names.join(", ")))
                    .advice(format!("name one: spikard run {}", names[0])),
            )
        }
    }
}

/// The file that an interpreter runs: its first argument that is a file with an extension.
fn script(words: &[OsString]) -> Option<&Path> {
    let mut places = words.iter().skip(1).map(Path::new);
    places.find(|place| place.extension().is_some() && place.is_file())
}

fn missing(place: &str) -> Failure {
    Failure::usage(format!("{place} does not exist")).advice(KINDS)
}

/// Python names joined by dots; which words Python keeps for itself is its business.
fn is_dotted(text: &str) -> bool {
    text.split('.').all(|name| {
        name.starts_with(|first: char| first.is_alphabetic() || first == '_')
            && name
                .chars()
                .all(|letter| letter.is_alphanumeric() || letter == '_')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a folder");
        for file in files {
            std::fs::write(folder.path().join(file), "").expect("a file");
        }
        folder
    }

    #[test]
    fn a_folder_gives_its_one_app() {
        for file in ["app.py", "main.py"] {
            let folder = folder(&[file]);
            let wanted = folder.path().join(file).display().to_string();
            assert_eq!(in_folder(folder.path()), Ok(App::Python(wanted)));
        }
        for file in ["app.ts", "app.mts", "app.mjs", "app.js"] {
            let folder = folder(&[file]);
            let wanted = folder.path().join(file).display().to_string();
            assert_eq!(in_folder(folder.path()), Ok(App::Node(wanted)));
        }
        for file in ["app.rb", "config.ru"] {
            let folder = folder(&[file]);
            let wanted = folder.path().join(file).display().to_string();
            assert_eq!(in_folder(folder.path()), Ok(App::Ruby(wanted)));
        }
        let php = folder(&["app.php"]);
        let wanted = php.path().join("app.php").display().to_string();
        let refused = find(Some(format!("{wanted}:app"))).expect_err("it is a program");
        assert!(
            refused.message.ends_with("is the app's program"),
            "{refused:?}"
        );
        assert_eq!(in_folder(php.path()), Ok(App::Php(wanted)));
        let folder = folder(&["Cargo.toml"]);
        assert_eq!(
            in_folder(folder.path()),
            Ok(App::Cargo(folder.path().join("Cargo.toml")))
        );
    }

    #[test]
    fn several_are_listed_and_none_is_explained() {
        let several = folder(&["app.py", "Cargo.toml"]);
        let failure = in_folder(several.path()).expect_err("several");
        assert_eq!(failure.code, 2);
        assert!(
            failure.message.contains("app.py, ") && failure.message.ends_with("Cargo.toml"),
            "{failure:?}"
        );
        let none = in_folder(folder(&[]).path()).expect_err("none");
        assert!(
            none.message.ends_with("app.py, main.py, app.ts, app.mts, app.mjs, app.js, app.rb, config.ru, app.php, public/index.php, Cargo.toml"),
            "{none:?}"
        );
    }

    #[test]
    fn what_is_no_app_is_refused() {
        for (text, part) in [
            ("nothing.py", "nothing.py does not exist"),
            ("no/folder", "no/folder does not exist"),
            ("/etc/passwd", "/etc/passwd is no app"),
            ("app.py:1x", "is not a name"),
            ("shop.web:", "is not a name"),
        ] {
            let failure = find(Some(text.to_owned())).expect_err(text);
            assert!(failure.message.contains(part), "{text}: {failure:?}");
        }
    }

    #[test]
    fn the_settings_of_a_program_lie_beside_its_script() {
        let place = folder(&["app.py"]);
        let file = place.path().join("app.py").into_os_string();
        let words = |words: &[&str]| words.iter().map(OsString::from).collect::<Vec<_>>();
        let mut python = words(&["python", "-X", "dev"]);
        python.push(file);
        assert_eq!(App::Program(python).folder(), place.path());
        for none in [
            words(&["python", "-m", "shop"]),
            words(&["target/release/shop"]),
        ] {
            assert_eq!(App::Program(none).folder(), Path::new("."));
        }
    }

    #[test]
    fn a_module_is_the_worker_s_to_find() {
        for text in ["shop.web:api", "shop.web", "shop"] {
            assert_eq!(
                find(Some(text.to_owned())),
                Ok(App::Python(text.to_owned()))
            );
        }
    }
}
