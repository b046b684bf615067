//! What is not the mouth stays as it was.

use postsync_lipsync::{Tools, score::fidelity};

use crate::make::{astronaut, moving, moving_arctic, still_librivox};

#[test]
fn still_outside_the_face_and_above_the_mouth() {
    let f = fidelity(&astronaut(), &still_librivox(), &Tools::default(), |_| 0).unwrap();
    println!("still: {f:?}");
    assert!(f.psnr_outside_db >= 34.0 && f.ssim_outside >= 0.975 && f.ssim_upper_face >= 0.97, "{f:?}");
}

#[test]
fn moving_outside_the_face_and_above_the_mouth() {
    let f = fidelity(&moving(), &moving_arctic(), &Tools::default(), |k| k % 100).unwrap();
    println!("moving: {f:?}");
    assert!(f.psnr_outside_db >= 34.0 && f.ssim_outside >= 0.975 && f.ssim_upper_face >= 0.97, "{f:?}");
}
