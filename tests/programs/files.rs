//@ arg first
//@ arg two words
//@ env COLOUR=dark green
//@ env EMPTY=
//@ dir /data
// Arguments, environment, and the whole life of files and folders: create, append, seek, rename, list, remove,
// and the errors for what is missing or not open to the program.

use std::env;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::Path;

fn main() -> io::Result<()> {
    println!("args: {:?}", env::args().skip(1).collect::<Vec<_>>());
    let mut variables: Vec<_> = env::vars().collect();
    variables.sort();
    println!("env: {:?}", variables);

    let root = Path::new("/data");
    let text = root.join("text.txt");
    fs::write(&text, "one\ntwo\nthree\n")?;
    OpenOptions::new().append(true).open(&text)?.write_all(b"four\n")?;
    for (number, line) in BufReader::new(File::open(&text)?).lines().enumerate() {
        println!("{}: {}", number, line?);
    }

    let mut file = OpenOptions::new().read(true).write(true).open(&text)?;
    file.seek(SeekFrom::Start(4))?;
    file.write_all(b"TWO")?;
    file.seek(SeekFrom::End(-5))?;
    let mut rest = String::new();
    file.read_to_string(&mut rest)?;
    println!("rest: {:?}, length {}", rest, file.metadata()?.len());
    file.set_len(8)?;
    file.seek(SeekFrom::Start(0))?;
    rest.clear();
    file.read_to_string(&mut rest)?;
    println!("cut: {:?}", rest);

    let nested = root.join("a/b");
    fs::create_dir_all(&nested)?;
    fs::rename(&text, nested.join("moved.txt"))?;
    fs::write(nested.join("second.bin"), vec![0xa5u8; 100_000])?;
    let mut names: Vec<_> = fs::read_dir(&nested)?
        .map(|entry| entry.map(|entry| (entry.file_name().into_string().unwrap(), entry.metadata().unwrap().len())))
        .collect::<Result<_, _>>()?;
    names.sort();
    println!("list: {:?}", names);
    println!("bytes: {}", fs::read(nested.join("second.bin"))?.iter().filter(|&&byte| byte == 0xa5).count());

    println!("missing: {:?}", File::open(root.join("missing")).unwrap_err().kind());
    println!("exists: {:?}", fs::create_dir(&nested).unwrap_err().kind());
    println!("not empty: {}", fs::remove_dir(root.join("a")).is_err());
    println!("outside: {}", File::open("/etc/passwd").is_err());
    println!("escape: {}", File::open("/data/../etc/passwd").is_err());
    fs::remove_dir_all(root.join("a"))?;
    println!("left: {}", fs::read_dir(root)?.count());
    assert_eq!(fs::metadata(&text).unwrap_err().kind(), ErrorKind::NotFound);
    Ok(())
}
