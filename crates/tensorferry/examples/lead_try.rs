use tensorferry_store::*;
fn load(path: &str) -> MemoryStore {
    let p = std::path::Path::new(path);
    let mut s;
    if p.is_dir() {
        s = MemoryStore::folder(path);
        fn walk(d: &std::path::Path, base: &std::path::Path, mut s: MemoryStore) -> MemoryStore {
            for e in std::fs::read_dir(d).unwrap() {
                let e = e.unwrap().path();
                if e.is_dir() {
                    s = walk(&e, base, s)
                } else {
                    let n = e.strip_prefix(base).unwrap().to_str().unwrap().to_string();
                    s = s.with(n, std::fs::read(&e).unwrap());
                }
            }
            s
        }
        s = walk(p, p, s);
    } else {
        let d = p.parent().unwrap();
        s = MemoryStore::folder(path);
        for e in std::fs::read_dir(d).unwrap() {
            let e = e.unwrap().path();
            if e.is_file() {
                s = s.with(e.file_name().unwrap().to_str().unwrap(), std::fs::read(&e).unwrap());
            }
        }
        s = s.pointing_at(p.file_name().unwrap().to_str().unwrap());
    }
    s
}
fn main() {
    let a: Vec<String> = std::env::args().collect();
    let out = &a[1];
    let mut o = tensorferry::ConvertOptions::default();
    o.allow_unloadable_layers = std::env::var("ALLOW").is_ok();
    if let Ok(f) = std::env::var("TO") {
        o.output_format = Some(match f.as_str() {
            "keras" => tensorferry::OutputFormat::Keras,
            "v3" => tensorferry::OutputFormat::KerasKeras,
            _ => tensorferry::OutputFormat::TfjsLayersModel,
        });
    }
    let (mut ok, mut bad) = (0, 0);
    for p in &a[2..] {
        let s = load(p);
        match tensorferry::convert(&s, &o) {
            Ok(c) => {
                ok += 1;
                let mut files: Vec<(String, Vec<u8>)> = vec![];
                c.package.write(&mut files).unwrap();
                let d = format!("{out}/{}", p.trim_start_matches('/').replace('/', "__"));
                std::fs::create_dir_all(&d).unwrap();
                for (n, b) in files {
                    std::fs::write(format!("{d}/{n}"), b).unwrap();
                }
                if std::env::var("V").is_ok() {
                    println!("{p}: {:#?}", c.report);
                }
            }
            Err(e) => {
                bad += 1;
                println!("{p}: {e}");
            }
        }
        if std::env::var("INSPECT").is_ok() {
            match tensorferry::inspect(
                &s,
                &tensorferry::InspectOptions { stats: true, input_format: None },
            ) {
                Ok(i) => println!("{}", serde_json::to_string_pretty(&i).unwrap()),
                Err(e) => println!("inspect {p}: {e}"),
            }
        }
    }
    println!("ok {ok} bad {bad}");
}
