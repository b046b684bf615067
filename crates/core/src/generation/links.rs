//! Where a generation's result is: a URL that needs no key.
use crate::ids::GenerationId;

/// The path of `outputUrl`, below the public URL.
#[must_use]
pub fn result_path(id: GenerationId, token: &str) -> String {
    format!("/v2/generations/{id}/result?token={token}")
}

/// What such a path names: the generation, and the token that is to be its own.
#[must_use]
pub fn result_named(path: &str) -> Option<(GenerationId, &str)> {
    let (id, token) = path.strip_prefix("/v2/generations/")?.split_once("/result?token=")?;
    Some((id.parse().ok()?, token))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_path_names_what_it_was_made_of() {
        let id: GenerationId = "018f2f6e-6d3a-7b6a-8c6e-0123456789ab".parse().unwrap();
        assert_eq!(result_named(&result_path(id, "t")), Some((id, "t")));
        for other in
            ["", "/v2/generations/x/result?token=t", &format!("/v2/generations/{id}"), &format!("/{id}/result?token=t")]
        {
            assert_eq!(result_named(other), None, "{other}");
        }
    }
}
