//! The viseme network against phone labels: by hand (ARCTIC), and by pocketsphinx (LibriVox, `tests/fixtures/*.phones`).

use super::{here, log_mel};
use crate::speech::{CLASSES, Posterior, normalise, posteriors};

const NAMES: [&str; CLASSES] =
    ["sil", "PP", "FF", "TH", "DD", "kk", "CH", "SS", "nn", "RR", "aa", "E", "ih", "oh", "ou", "ax"];
/// How far each class opens the jaw, as the training's evaluation counts it.
const JAW: [f32; CLASSES] = [0.0, 0.0, 0.12, 0.28, 0.2, 0.28, 0.18, 0.1, 0.2, 0.2, 0.8, 0.5, 0.28, 0.5, 0.22, 0.38];

/// ARPABET to one class, or two for a diphthong; none for /h/, which is spoken with the mouth of the next vowel.
fn classes(phone: &str) -> &'static [&'static str] {
    match phone {
        "aa" => &["aa"],
        "ae" | "eh" => &["E"],
        "ao" => &["oh"],
        "aw" => &["aa", "ou"],
        "ay" => &["aa", "ih"],
        "axr" | "er" | "r" => &["RR"],
        "b" | "m" | "p" => &["PP"],
        "ch" | "jh" | "sh" | "zh" => &["CH"],
        "d" | "t" => &["DD"],
        "dh" | "th" => &["TH"],
        "ey" => &["E", "ih"],
        "f" | "v" => &["FF"],
        "g" | "k" | "ng" => &["kk"],
        "hh" => &[],
        "ih" | "iy" | "y" => &["ih"],
        "l" | "n" => &["nn"],
        "ow" => &["oh", "ou"],
        "oy" => &["oh", "ih"],
        "s" | "z" => &["SS"],
        "uh" | "uw" | "w" => &["ou"],
        "sil" | "pau" | "+spn+" | "+nsn+" => &["sil"],
        _ => &["ax"],
    }
}

/// The class of every 10 ms.
fn labels(phones: &[(f64, f64, String)], frames: usize) -> Vec<usize> {
    let index = |name: &str| NAMES.iter().position(|n| *n == name).unwrap();
    let mut out = vec![0; frames];
    let mut fill = |from: usize, to: usize, name: &str| {
        out.iter_mut().take(to).skip(from).for_each(|c| *c = index(name));
    };
    for (i, (from, to, phone)) in phones.iter().enumerate() {
        let (from, to) = ((from * 100.0).round() as usize, (to * 100.0).round() as usize);
        let next = phones.get(i + 1).map_or("ax", |p| p.2.as_str());
        match *classes(phone) {
            [one] => fill(from, to, one),
            [one, two] => {
                let middle = (from * 45 + to * 55) / 100;
                fill(from, middle, one);
                fill(middle, to, two);
            }
            _ => fill(from, to, classes(next).first().copied().unwrap_or("ax")),
        }
    }
    out
}

fn correlation(a: &[f32], b: &[f32]) -> f32 {
    let mean = |v: &[f32]| v.iter().sum::<f32>() / v.len() as f32;
    let (ma, mb) = (mean(a), mean(b));
    let sum = |f: &dyn Fn(f32, f32) -> f32| a.iter().zip(b).map(|(a, b)| f(a - ma, b - mb)).sum::<f32>();
    sum(&|a, b| a * b) / (sum(&|a, _| a * a) * sum(&|_, b| b * b)).sqrt()
}

fn listen(path: &str) -> Vec<Posterior> {
    posteriors(&normalise(log_mel(path).finish()).bands).unwrap()
}

/// Share of frames whose likeliest class is right, and r of the jaw curve.
fn compare(found: &[Posterior], phones: &[(f64, f64, String)]) -> (f32, f32) {
    let truth = labels(phones, found.len());
    let likeliest = |p: &Posterior| (0..CLASSES).max_by(|&a, &b| p[a].total_cmp(&p[b])).unwrap();
    let right = found.iter().zip(&truth).filter(|(p, t)| likeliest(p) == **t).count();
    let heard: Vec<f32> = found.iter().map(|p| p.iter().zip(JAW).map(|(p, j)| p * j).sum()).collect();
    let meant: Vec<f32> = truth.iter().map(|&t| JAW[t]).collect();
    (right as f32 / found.len() as f32, correlation(&heard, &meant))
}

#[test]
fn arctic_against_labels_by_hand() {
    let labels = std::fs::read_to_string(here("samples/arctic_a0009.lab")).unwrap();
    let phones: Vec<_> = labels
        .lines()
        .map(|line| {
            let fields: Vec<&str> = line.split(' ').collect();
            let phone = fields[2].split_once('-').unwrap().1.split_once('+').unwrap().0;
            let seconds = |k: usize| fields[k].parse::<f64>().unwrap() / 1e7;
            (seconds(0), seconds(1), phone.to_owned())
        })
        .collect();
    let (accuracy, jaw) = compare(&listen("samples/arctic_a0009.wav"), &phones);
    println!("arctic: accuracy {accuracy:.3}, jaw r {jaw:.3}");
    assert!(accuracy >= 0.60 && jaw >= 0.65);
}

#[test]
fn librivox_against_pocketsphinx() {
    let recordings = [
        ("0870", "samples/librivox_0870.wav"),
        ("0880", "tests/fixtures/librivox_0880.flac"),
        ("0890", "tests/fixtures/librivox_0890.flac"),
        ("0920", "tests/fixtures/librivox_0920.flac"),
        ("0930", "tests/fixtures/librivox_0930.flac"),
    ];
    let jaws = recordings.map(|(name, sound)| {
        let lines = std::fs::read_to_string(here(&format!("tests/fixtures/librivox_{name}.phones"))).unwrap();
        let phones: Vec<_> = lines
            .lines()
            .map(|line| {
                let fields: Vec<&str> = line.split(' ').collect();
                let seconds = |k: usize| fields[k].parse::<f64>().unwrap();
                // pocketsphinx names the last hundredth of a phone, not its end.
                (seconds(0), seconds(1) + 0.01, fields[2].to_lowercase())
            })
            .collect();
        let (accuracy, jaw) = compare(&listen(sound), &phones);
        println!("librivox {name}: accuracy {accuracy:.3}, jaw r {jaw:.3}");
        jaw
    });
    let mean = jaws.iter().sum::<f32>() / 5.0;
    println!("librivox: mean jaw r {mean:.3}");
    assert!(mean >= 0.55);
}
