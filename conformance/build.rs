//! The mutants, scenarios and vectors are built into the program: a change of one builds it anew.

fn main() {
    for folder in ["mutants", "scenarios", "../spec/v1/vectors"] {
        println!("cargo::rerun-if-changed={folder}");
    }
}
