//! `gridcrew-bindgen LIBRARY OUT`: writes Kotlin, Swift and Python bindings of a built
//! library into folders of `OUT`.

use gridcrew_mobile_bindgen::{Language, generate};
use std::{
    env,
    io::{self, Write},
    path::Path,
    process::ExitCode,
};

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [library, out] = arguments.as_slice() else {
        drop(writeln!(
            io::stderr(),
            "usage: gridcrew-bindgen LIBRARY OUT"
        ));
        return ExitCode::from(2);
    };
    for language in Language::ALL {
        let folder = Path::new(out).join(language.name());
        if let Err(error) = generate(Path::new(library), language, &folder) {
            drop(writeln!(io::stderr(), "{}: {error}", language.name()));
            return ExitCode::FAILURE;
        }
        drop(writeln!(io::stdout(), "{}", folder.display()));
    }
    ExitCode::SUCCESS
}
