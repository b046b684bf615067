//! MediaStore: local files behind signed URLs.
