//! `spikard new`: writes a small tested project into a folder of its own. Installs nothing, runs nothing.

use crate::Interpreter;
use crate::doctor;
use crate::output::{self, Failure};
use clap::{Args, ValueEnum};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

const EXAMPLES: &str = "\
Examples:
  spikard new shop --lang python      an app, its tests, README, container file and CI in the folder shop
  spikard new shop --lang typescript  the same in TypeScript, for Node
  spikard new shop --lang ruby        the same in Ruby
  spikard new shop --lang php         the same in PHP
  spikard new work/shop --lang rust   the same in Rust, in the folder work/shop";

/// `spikard new`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct NewArguments {
    /// Folder to make; its last part is the project's name
    name: PathBuf,
    /// Language of the project
    #[arg(
        short,
        long,
        value_name = "python|typescript|ruby|php|rust",
        ignore_case = true
    )]
    lang: Language,
}

/// What `--lang` takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Language {
    #[value(alias = "py")]
    Python,
    #[value(aliases = ["ts", "node", "javascript", "js"])]
    Typescript,
    #[value(alias = "rb")]
    Ruby,
    Php,
    #[value(alias = "rs")]
    Rust,
}

/// What a language's project is made of.
struct Template {
    /// Path and text; `{{name}}` is the project's name, `{{python}}` the version of the Python at hand, `{{version}}` ours.
    files: &'static [(&'static str, &'static str)],
    /// Names, with spaces between, that its dependencies, its build or the language have.
    taken: &'static str,
    /// Commands that come next, in the project's folder.
    next: &'static [&'static str],
}

macro_rules! files {
    ($folder:literal: $($path:literal from $file:literal),+ $(,)?) => {
        &[$(($path, include_str!(concat!("../templates/", $folder, "/", $file)))),+]
    };
}

const PYTHON: Template = Template {
    files: files!("python":
        "app.py" from "app.py",
        "tests/test_app.py" from "tests/test_app.py",
        "README.md" from "README.md",
        "pyproject.toml" from "pyproject.toml",
        ".gitignore" from "gitignore",
        "Containerfile" from "Containerfile",
        ".github/workflows/test.yml" from "test.yml",
        "wheels/README.md" from "wheels.md",
    ),
    taken: "app msgspec pytest spikard tests",
    next: &[
        "cp PATH/TO/SPIKARD/dist/spikard-*.whl wheels/",
        "python3 -m venv .venv && . .venv/bin/activate",
        "pip install wheels/spikard-*.whl pytest",
        "pytest",
        "spikard dev app.py",
    ],
};

const TYPESCRIPT: Template = Template {
    files: files!("typescript":
        "app.ts" from "app.ts",
        "tests/app.test.ts" from "tests/app.test.ts",
        "README.md" from "README.md",
        "package.json" from "package.json",
        "tsconfig.json" from "tsconfig.json",
        ".gitignore" from "gitignore",
        "Containerfile" from "Containerfile",
        ".github/workflows/test.yml" from "test.yml",
        "vendor/README.md" from "vendor.md",
    ),
    taken: "node node_modules spikard spikard-linux-x64-gnu typescript zod",
    next: &[
        "cp PATH/TO/SPIKARD/dist/spikard*.tgz vendor/",
        "npm install",
        "npm test",
        "npx spikard dev app.ts",
    ],
};

const RUBY: Template = Template {
    files: files!("ruby":
        "app.rb" from "app.rb",
        "spec/app_spec.rb" from "spec/app_spec.rb",
        "README.md" from "README.md",
        ".gitignore" from "gitignore",
        "Containerfile" from "Containerfile",
        ".github/workflows/test.yml" from "test.yml",
        "vendor/README.md" from "vendor.md",
    ),
    taken: "spikard",
    next: &[
        "cp PATH/TO/SPIKARD/dist/spikard-*.gem vendor/",
        "gem install --local vendor/spikard-*.gem",
        "rspec",
        "spikard dev app.rb",
    ],
};

const PHP: Template = Template {
    files: files!("php":
        "app.php" from "app.php",
        "src/Api.php" from "src/Api.php",
        "src/Order.php" from "src/Order.php",
        "src/OrderInput.php" from "src/OrderInput.php",
        "tests/ApiTest.php" from "tests/ApiTest.php",
        "README.md" from "README.md",
        "composer.json" from "composer.json",
        "phpunit.xml" from "phpunit.xml",
        ".gitignore" from "gitignore",
        "Containerfile" from "Containerfile",
        ".github/workflows/test.yml" from "test.yml",
        "packages/README.md" from "packages.md",
    ),
    taken: "composer phpunit spikard",
    next: &[
        "cp PATH/TO/SPIKARD/dist/spikard-*-php*.so packages/spikard.so",
        "mkdir packages/spikard && tar xzf PATH/TO/SPIKARD/dist/spikard-php-*.tar.gz -C packages/spikard",
        "echo \"extension=$PWD/packages/spikard.so\" > packages/spikard.ini",
        "export PHP_INI_SCAN_DIR=\":$PWD/packages\" && composer install",
        "phpunit",
        "vendor/bin/spikard dev app.php",
    ],
};

const RUST: Template = Template {
    files: files!("rust":
        "src/main.rs" from "src/main.rs",
        "src/orders.rs" from "src/orders.rs",
        "README.md" from "README.md",
        "Cargo.toml" from "Cargo.toml.txt",
        ".gitignore" from "gitignore",
        "Containerfile" from "Containerfile",
        ".github/workflows/test.yml" from "test.yml",
        "vendor/README.md" from "vendor.md",
    ),
    taken: "abstract alloc as async await become box break build const continue core crate deps do dyn else \
            enum examples extern false final fn for gen if impl in incremental let loop macro match mod \
            move mut override priv proc-macro proc_macro pub ref return schemars self serde serde_json \
            spikard static std struct super test trait true try type typeof unsafe unsized use virtual \
            where while yield",
    next: &[
        "ln -s \"$(realpath PATH/TO/SPIKARD)\" vendor/spikard",
        "cargo test",
        "spikard dev",
    ],
};

/// What a project is told when no Python is at hand.
const OLDEST_PYTHON: &str = "3.11";

/// Writes the project and says what comes next.
pub(crate) fn new(
    arguments: &NewArguments,
    interpreter: Option<Interpreter>,
) -> Result<i32, Failure> {
    let template = arguments.lang.template();
    let name = name_of(&arguments.name)?;
    if template.taken.split(' ').any(|taken| taken == name) {
        return Err(Failure::usage(format!(
            "the name {name} is taken by the language or by what the project depends on"
        ))
        .advice("choose another: spikard new shop"));
    }
    must_be_free(&arguments.name)?;
    let python = doctor::python_version(interpreter).unwrap_or_else(|| OLDEST_PYTHON.to_owned());
    for (file, text) in template.files {
        let path = arguments.name.join(file);
        let text = text
            .replace("{{name}}", name)
            .replace("{{python}}", &python)
            .replace("{{version}}", env!("CARGO_PKG_VERSION"));
        write(&path, &text)
            .map_err(|error| Failure::app(format!("cannot write {}: {error}", path.display())))?;
    }
    output::print(&next(&arguments.name, template))
}

impl Language {
    fn template(self) -> &'static Template {
        match self {
            Self::Python => &PYTHON,
            Self::Typescript => &TYPESCRIPT,
            Self::Ruby => &RUBY,
            Self::Php => &PHP,
            Self::Rust => &RUST,
        }
    }
}

/// The last part of the path. Letters that every registry, container tag and file system takes.
fn name_of(folder: &Path) -> Result<&str, Failure> {
    let name = folder.file_name().and_then(|name| name.to_str());
    let name = name.filter(|name| {
        name.len() <= 64
            && name.starts_with(|first: char| first.is_ascii_lowercase())
            && name.ends_with(|last: char| last.is_ascii_lowercase() || last.is_ascii_digit())
            && !name.contains("--")
            && !name.contains("__")
            && name.chars().all(|letter| {
                letter.is_ascii_lowercase() || letter.is_ascii_digit() || "-_".contains(letter)
            })
    });
    name.ok_or_else(|| {
        Failure::usage(format!("{} is no name for a project", folder.display())).advice(
            "a name is lower-case letters and digits, with single - or _ between them, a letter first: spikard new web-shop",
        )
    })
}

/// Nothing that exists is written over.
fn must_be_free(folder: &Path) -> Result<(), Failure> {
    let shown = folder.display();
    match fs::read_dir(folder).map(|mut entries| entries.next().is_none()) {
        Ok(true) => Ok(()),
        Ok(false) => Err(Failure::app(format!("{shown} exists and is not empty"))
            .advice("choose another name, or empty the folder first")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
            Err(Failure::app(format!("{shown} exists and is no folder"))
                .advice("choose another name"))
        }
        Err(error) => Err(Failure::app(format!("cannot read {shown}: {error}"))),
    }
}

fn write(path: &Path, text: &str) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, text)
}

fn next(folder: &Path, template: &Template) -> String {
    let mut text = format!("{} is made:\n", folder.display());
    for (file, _) in template.files {
        text.push_str(&format!("  {file}\n"));
    }
    text.push_str(&format!(
        "\nNext (README.md says more):\n  cd {}\n",
        folder.display()
    ));
    for command in template.next {
        text.push_str(&format!("  {command}\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{PHP, PYTHON, RUBY, RUST, TYPESCRIPT, name_of};
    use crate::arguments::Arguments;
    use clap::Parser as _;
    use std::path::Path;

    #[test]
    fn a_project_has_the_name_of_its_folder() {
        for (folder, name) in [
            ("shop", "shop"),
            ("work/web-shop", "web-shop"),
            ("a2/", "a2"),
        ] {
            assert_eq!(name_of(Path::new(folder)), Ok(name));
        }
        for folder in [
            "",
            ".",
            "..",
            "Shop",
            "2shop",
            "shop-",
            "web shop",
            "web--shop",
            "a/ä",
        ] {
            let failure = name_of(Path::new(folder)).expect_err(folder);
            assert_eq!(failure.code, 2, "{folder}");
        }
    }

    /// What the pages and the last lines tell people to type is understood.
    #[test]
    fn every_command_that_is_told_is_one() {
        for template in [&PYTHON, &TYPESCRIPT, &RUBY, &PHP, &RUST] {
            let lines = template.files.iter().flat_map(|(_, text)| text.lines());
            let told: Vec<&str> = lines
                .chain(template.next.iter().copied())
                .map(|line| line.trim_start_matches("      - run: "))
                .map(|line| {
                    line.trim_start_matches("npx ")
                        .trim_start_matches("vendor/bin/")
                })
                .filter(|line| line.starts_with("spikard ") && !line.contains(" = "))
                .collect();
            assert!(told.len() >= 4, "{told:?}");
            for line in told {
                let words = line
                    .split('#')
                    .next()
                    .unwrap_or_default()
                    .split_whitespace();
                assert!(Arguments::try_parse_from(words).is_ok(), "{line}");
            }
        }
    }

    #[test]
    fn every_language_has_what_a_project_needs() {
        for template in [&PYTHON, &TYPESCRIPT, &RUBY, &PHP, &RUST] {
            let files: Vec<&str> = template.files.iter().map(|(file, _)| *file).collect();
            for needed in [
                "README.md",
                ".gitignore",
                "Containerfile",
                ".github/workflows/test.yml",
            ] {
                assert!(files.contains(&needed), "{needed}");
            }
        }
    }
}
