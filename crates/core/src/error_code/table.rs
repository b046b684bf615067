//! The table itself: code, HTTP status, what happened, what to do.
use super::{Entry, ErrorCode};

macro_rules! codes {
    ($($name:ident = $code:literal, $status:literal, $message:literal, $suggestion:literal;)*) => {
        $(
            #[doc = $message]
            pub const $name: ErrorCode =
                ErrorCode(&Entry { code: $code, status: $status, message: $message, suggestion: $suggestion });
        )*
        pub(super) const ALL: &[ErrorCode] = &[$($name,)*];
    };
}

codes! {
    // A generation: the request.
    GENERATION_UNSUPPORTED_MODEL = "generation_unsupported_model", 400,
        "The model cannot be used for this operation.", "Use one of the ids that GET /v2/models lists.";
    GENERATION_INPUT_VALIDATION_FAILED = "generation_input_validation_failed", 400,
        "The input failed validation.", "Correct the field that the message names and send the request again.";
    GENERATION_VIDEO_MISSING = "generation_video_missing", 400,
        "The input has no video or image.", "Add one item of type video or image to input.";
    GENERATION_AUDIO_MISSING = "generation_audio_missing", 400,
        "The input has no audio.", "Add one item of type audio or text to input.";
    GENERATION_INPUT_TOO_MANY_VISUAL = "generation_input_too_many_visual", 400,
        "The input has more than one video or image.", "Send exactly one item of type video or image.";
    GENERATION_INPUT_SEGMENTS_INVALID = "generation_input_segments_invalid", 400,
        "The segments are not valid.",
        "Correct the list that the message names: a segment needs startTime, endTime and an audioInput with a known refId, a pair of \
         segments_secs or segments_frames a start and a later end.";
    GENERATION_INPUT_TRIM_INVALID = "generation_input_trim_invalid", 400,
        "The part of the audio that a segment names is not valid.",
        "Give startTime and endTime as a pair that lies inside the audio.";
    GENERATION_INPUT_FACE_SELECTION_INVALID = "generation_input_face_selection_invalid", 400,
        "The choice of the speaker's face is not valid.",
        "Check options.active_speaker_detection: frame number and coordinates must lie inside the video.";
    GENERATION_INPUT_ASSET_TYPE_MISMATCH = "generation_input_asset_type_mismatch", 400,
        "The asset is of another type than the input item.",
        "Use a video for video, an image for image and an audio for audio; for an upload, announce as contentType what the file is.";
    GENERATION_INPUT_DUB_AUDIO_CONFLICT = "generation_input_dub_audio_conflict", 400,
        "Dubbing and an audio input exclude each other.", "Send either dubParams or an audio input.";
    GENERATION_TEXT_LENGTH_EXCEEDED = "generation_text_length_exceeded", 400,
        "The script is longer than 5000 characters.", "Shorten the script or split it over several generations.";
    GENERATION_CONFLICT = "generation_conflict", 409,
        "The generation is not in a state that allows this.", "Read the generation again and decide by its status.";
    GENERATION_CANCELED = "generation_canceled", 409,
        "The generation was canceled.", "Create it again if it is wanted after all.";
    GENERATION_NOT_DELETABLE_WHILE_PROCESSING = "generation_not_deletable_while_processing", 409,
        "A generation can not be deleted before it has ended.", "Wait until its status is COMPLETED or FAILED.";

    // A generation: its media.
    GENERATION_INPUT_VIDEO_INACCESSIBLE = "generation_input_video_inaccessible", 400,
        "The video could not be fetched.", "Check that the URL is public and answers with the file.";
    GENERATION_INPUT_AUDIO_INACCESSIBLE = "generation_input_audio_inaccessible", 400,
        "The audio could not be fetched.",
        "Check that the URL is public and answers with the file, without a login page before it.";
    GENERATION_INPUT_IMAGE_INACCESSIBLE = "generation_input_image_inaccessible", 400,
        "The image could not be fetched.", "Check that the URL is public and answers with the picture itself.";
    GENERATION_INPUT_VIDEO_INVALID = "generation_input_video_invalid", 400,
        "The video could not be read.", "Check that the file plays, or convert it to mp4 with H.264.";
    GENERATION_INPUT_AUDIO_INVALID = "generation_input_audio_invalid", 400,
        "The audio could not be read.", "Check that the file plays, or convert it to wav or mp3.";
    GENERATION_MEDIA_METADATA_MISSING = "generation_media_metadata_missing", 400,
        "The media file does not say its duration or its frame rate.",
        "Convert the file, for example with ffmpeg, and try again.";
    GENERATION_MEDIA_PROBE_TIMEOUT = "generation_media_probe_timeout", 400,
        "Reading the media file's metadata took too long.", "Try again, or convert the file to a plain mp4 or wav.";
    GENERATION_MEDIA_PROBE_UNAVAILABLE = "generation_media_probe_unavailable", 503,
        "The media file could not be examined right now.", "Try again later.";
    GENERATION_AUDIO_LENGTH_EXCEEDED = "generation_audio_length_exceeded", 400,
        "The audio is too long.", "Shorten the audio or split it over several generations.";
    GENERATION_INPUT_DURATION_GREATER_THAN_MAX_DURATION = "generation_input_duration_greater_than_max_duration", 400,
        "The input is longer than this server takes.", "Shorten the input or split it over several generations.";
    GENERATION_MODEL_DURATION_EXCEEDED = "generation_model_duration_exceeded", 400,
        "The input is longer than the model takes.", "Shorten the input or use another model.";
    GENERATION_INPUT_RESOLUTION_UNSUPPORTED = "generation_input_resolution_unsupported", 400,
        "The resolution of the input is not supported.", "Scale the video or the image down and try again.";
    DUBBING_DURATION_EXCEEDED = "dubbing_duration_exceeded", 400,
        "The input is too long to be dubbed.", "Shorten the input or split it up.";

    // A generation: the work.
    GENERATION_TIMEOUT = "generation_timeout", 500,
        "The generation took too long.", "Try again, with a shorter input if it happens again.";
    GENERATION_PIPELINE_FAILED = "generation_pipeline_failed", 500,
        "A step of the generation failed.", "Try again; if it fails again, try another input.";
    GENERATION_DATABASE_ERROR = "generation_database_error", 500,
        "The database failed.", "Try again; the operator should look at the server's log.";
    GENERATION_INTERNAL_AUTH = "generation_internal_auth", 500,
        "A part of the server was refused by another.", "Tell the operator; trying again will not help.";
    GENERATION_UNHANDLED_ERROR = "generation_unhandled_error", 500,
        "Something unforeseen happened to the generation.", "Try again; tell the operator if it happens again.";
    GENERATION_UNKNOWN_ERROR = "generation_unknown_error", 500,
        "The generation failed for an unknown reason.",
        "Try again, and tell the operator the generation's id if it fails again.";
    GENERATION_INFRA_STORAGE_ERROR = "generation_infra_storage_error", 503,
        "The server could not store a file.", "Try again later; if it stays so, the operator should look at the disk.";
    GENERATION_INFRA_RESOURCE_EXHAUSTED = "generation_infra_resource_exhausted", 503,
        "The server has run out of a resource.", "Try again later, when less is under way.";
    GENERATION_INFRA_SERVICE_UNAVAILABLE = "generation_infra_service_unavailable", 503,
        "The server does not take generations right now.", "Try again in a few seconds.";

    COST_ESTIMATE_UNAVAILABLE = "cost_estimate_unavailable", 422,
        "The cost can not be estimated.", "Use assets as inputs, whose length is known, or POST /v2/generations/estimate with a duration.";

    // Looking things up.
    GENERATION_NOT_FOUND = "generation_not_found", 404,
        "The generation does not exist.", "Check the id; generations of other organizations are not visible.";
    INVALID_GENERATION_ID = "invalid_generation_id", 400,
        "The text is not the id of a generation.", "Use the id that the create answered with.";
    UNSUPPORTED_GENERATION_ID_FORMAT = "unsupported_generation_id_format", 400,
        "The id has a form that this operation does not take.", "Use the UUID that the create answered with.";
    PROJECT_NOT_FOUND = "project_not_found", 404,
        "The project does not exist.", "Check the project's id.";
    PROJECT_CONFLICT = "project_conflict", 409,
        "The project can't be made or filled like this.", "Do what the message says, then send the request again.";
    ASSET_NOT_FOUND = "asset_not_found", 404,
        "The asset does not exist.", "Check the id; assets of other organizations are not visible.";
    ASSET_FORBIDDEN = "asset_forbidden", 403,
        "The asset may not be used by this key.", "Use an asset of the key's own organization.";
    INVALID_ASSET_ID_FORMAT = "invalid_asset_id_format", 400,
        "The text is not the id of an asset.", "Use the id that the upload answered with.";
    UPLOADED_FILE_NOT_FOUND = "uploaded_file_not_found", 404,
        "The uploaded file is not there.", "Upload the file again, then use its new URL or id.";
    FILE_NOT_IN_ORG_STORAGE = "file_not_in_org_storage", 400,
        "The file does not lie in the organization's own storage.",
        "Upload the file first, or give its URL as an input.";

    ASSET_CONFLICT = "asset_conflict", 409,
        "The asset is there already, with other bytes.", "Begin another upload with POST /v2/assets/upload, unless the message says that one counts.";
    UPLOAD_URL_INVALID = "upload_url_invalid", 403,
        "The upload URL is not one that this server has given out.", "Begin another upload with POST /v2/assets/upload.";

    // Batches.
    BATCH_FILE_TOO_LARGE = "batch_file_too_large", 400,
        "The batch file is too large.", "Split it into several batches.";
    BATCH_TOO_MANY_REQUESTS = "batch_too_many_requests", 400,
        "The batch has too many records.", "Split it into several batches of fewer lines.";
    BATCH_INSUFFICIENT_RECORDS = "batch_insufficient_records", 400,
        "The batch has too few records.", "Add records, or create the generations one by one.";
    BATCH_INVALID_JSONL = "batch_invalid_jsonl", 400,
        "A line of the batch is not a valid record.", "Correct the line that the message names.";
    BATCH_DUPLICATE_REQUEST_ID = "batch_duplicate_request_id", 400,
        "Two records of the batch have the same request_id.", "Give each record a request_id of its own.";
    BATCH_INVALID_ENDPOINT = "batch_invalid_endpoint", 400,
        "A record names an endpoint that batches do not take.", "Write /v2/generate as the endpoint of each record.";
    BATCH_NOT_FOUND = "batch_not_found", 404,
        "The batch does not exist.", "Check the batch's id; those of other organizations are not visible.";
    BATCH_NOT_ENDED = "batch_not_ended", 409,
        "The batch has not ended, so there are no results yet.", "Wait for the batch's webhook, or read the batch until its status is COMPLETED or FAILED.";
    BATCH_LINK_EXPIRED = "batch_link_expired", 410,
        "The link to the results has expired.", "Ask for the batch's outputUrl again: it leads to a new link.";
    BATCH_CONCURRENCY_LIMIT_REACHED = "batch_concurrency_limit_reached", 429,
        "Too many batches are running.", "Wait until one of them has ended.";
    BATCH_PLAN_REQUIRED = "batch_plan_required", 402,
        "The plan does not include batches.", "Change the plan, or create the generations one by one.";

    // Limits and plans.
    RATE_LIMIT_EXCEEDED = "rate_limit_exceeded", 429,
        "Too many requests in a short time.", "Wait as long as Retry-After says, then try again.";
    CONCURRENCY_LIMIT_REACHED = "concurrency_limit_reached", 429,
        "Too many generations are waiting or at work.", "Wait until one of what the message names has ended.";
    FILE_SIZE_EXCEEDS_PLAN_LIMIT = "file_size_exceeds_plan_limit", 422,
        "The file is larger than the plan allows.", "Send a smaller file or change the plan.";
    GENERATION_PLAN_DURATION_EXCEEDED = "generation_plan_duration_exceeded", 402,
        "The input is longer than the plan allows.", "Shorten the input or change the plan.";
    FREE_TIER_GENERATIONS_EXHAUSTED = "free_tier_generations_exhausted", 402,
        "The generations that come free are used up.", "Wait for the next period or change the plan.";
    ACCOUNT_PAYMENT_REQUIRED = "account_payment_required", 402,
        "The account has an open bill.", "Pay the bill, then try again.";
    ACCOUNT_ON_HOLD = "account_on_hold", 403,
        "The account is on hold.", "Ask the operator why.";
    PLAN_FEATURE_UNAVAILABLE = "plan_feature_unavailable", 403,
        "The plan does not include this feature.", "Change the plan.";

    // Voices.
    VOICE_NOT_FOUND = "voice_not_found", 404,
        "The voice does not exist.", "Check the voice's id and its provider.";
    VOICE_CLONE_LIMIT_REACHED = "voice_clone_limit_reached", 403,
        "No more voices can be cloned.", "Delete a voice, or change the plan.";
    VOICE_CLONE_BUSY = "voice_clone_busy", 409,
        "Another voice is being cloned.", "Try again when it is done.";
    VOICE_NAME_CONFLICT = "voice_name_conflict", 409,
        "A voice of that name exists.", "Choose another name.";
    VOICE_SAMPLE_NOT_ACCESSIBLE = "voice_sample_not_accessible", 400,
        "The voice sample could not be fetched.", "Check that the asset is there, and upload it again if it is not.";
    VOICE_SAMPLE_TYPE_UNSUPPORTED = "voice_sample_type_unsupported", 400,
        "The voice sample is of a type that is not supported.", "Send the sample as wav or mp3.";
    VOICE_SAMPLE_UPLOAD_REQUIRED = "voice_sample_upload_required", 400,
        "The voice sample must be uploaded first.", "Upload the sample, then name it.";
    VOICE_SAMPLE_EXTRACTION_FAILED = "voice_sample_extraction_failed", 400,
        "No speech could be taken from the voice sample.", "Send a sample with clear speech.";
    VOICE_SAMPLE_SOURCE_TOO_LARGE = "voice_sample_source_too_large", 400,
        "The file of the voice sample is too large.", "Send a smaller file.";
    VOICE_SAMPLE_TOO_SHORT = "voice_sample_too_short", 400,
        "The voice sample is too short.", "Send a longer sample.";
    VOICE_SAMPLE_INVALID = "voice_sample_invalid", 400,
        "The voice sample could not be read.", "Check that the sample plays.";
    SPEECH_JOB_NOT_FOUND = "speech_job_not_found", 404,
        "The speech job does not exist.", "Check the id; those of other organizations are not visible, and old ones go.";
    ELEVENLABS_QUOTA_EXCEEDED = "elevenlabs_quota_exceeded", 402,
        "The quota at ElevenLabs is used up.", "Raise the quota there, or wait for the next period.";
    ELEVENLABS_SERVICE_UNAVAILABLE = "elevenlabs_service_unavailable", 503,
        "ElevenLabs does not answer.", "Try again later, or send an audio file.";
    ELEVENLABS_API_KEY_INVALID = "elevenlabs_api_key_invalid", 400,
        "ElevenLabs refuses the API key.", "Correct the key of the provider.";

    // The server.
    INTERNAL_ERROR = "internal_error", 500,
        "The server failed.", "Try again; tell the operator the requestId if it happens again.";
    CONTROLLER_TIMEOUT = "controller_timeout", 504,
        "A part of the server did not answer in time.", "Try again in a moment.";
    CONTROLLER_UNAVAILABLE = "controller_unavailable", 503,
        "A part of the server is not there right now.", "Try again after a short wait.";
    CONTROLLER_DEPENDENCY_ERROR = "controller_dependency_error", 502,
        "Something that the server depends on failed.", "Try again later; the operator's log says what it was.";
    USAGE_DEPENDENCY_UNAVAILABLE = "usage_dependency_unavailable", 503,
        "The usage figures are not available right now.", "Ask for them again later.";

    // This server's own: what the router refuses, and what lives under /postsync/v1.
    INVALID_REQUEST = "invalid_request", 400,
        "The request is not valid.", "Correct what the message names and send the request again.";
    INVALID_IDEMPOTENCY_KEY = "INVALID_IDEMPOTENCY_KEY", 400,
        "The Idempotency-Key is not valid.", "Send one Idempotency-Key header with 1 to 128 characters of A-Z a-z 0-9 . _ ~ -.";
    IDEMPOTENCY_KEY_REUSED = "IDEMPOTENCY_KEY_REUSED", 409,
        "The Idempotency-Key was used for another request.", "Use a new key for a new request.";
    IDEMPOTENCY_KEY_IN_USE = "IDEMPOTENCY_KEY_IN_USE", 409,
        "A request with this Idempotency-Key is being worked on.", "Send the same request again when Retry-After has passed.";
    IDEMPOTENCY_OUTCOME_UNKNOWN = "IDEMPOTENCY_OUTCOME_UNKNOWN", 503,
        "Nobody can say whether the request was accepted.", "Send the same request with the same key again.";
    INSUFFICIENT_SCOPE = "insufficient_scope", 403,
        "The API key may not do this.", "Use a key with the scope that the message names.";
    NOT_FOUND = "not_found", 404,
        "There is nothing under this path.", "Check the path; GET /api-json lists every operation.";
    METHOD_NOT_ALLOWED = "method_not_allowed", 405,
        "The path does not take this method.", "Use a method that the Allow header names.";
    REQUEST_TIMEOUT = "request_timeout", 408,
        "The request body did not go on for a minute, or came too slowly.", "Send the request again; nothing of it was accepted.";
    PAYLOAD_TOO_LARGE = "payload_too_large", 413,
        "The request body is too large.", "Send no more than the message says; files do not go into JSON, but as a form or to POST /v2/assets/upload.";
    UNSUPPORTED_MEDIA_TYPE = "unsupported_media_type", 415,
        "The operation does not take this content type.",
        "Send application/json; POST /v2/generate and POST /v2/batch take multipart/form-data, too.";
    DELIVERY_NOT_FOUND = "delivery_not_found", 404,
        "The delivery does not exist.", "Check the delivery's id; those of other organizations are not visible.";
    DELIVERY_CONFLICT = "delivery_conflict", 409,
        "The delivery is not in a state that allows this.", "Read the delivery again and decide by its status.";
    REPLAY_NOT_FOUND = "replay_not_found", 404,
        "The replay does not exist.", "Check the replay's id; those of other organizations are not visible.";
    REPLAY_LIMIT_REACHED = "replay_limit_reached", 429,
        "Too many replays are running.", "Wait until one of them is done, or name more with one filter.";
    CURSOR_EXPIRED = "cursor_expired", 410,
        "The events behind the cursor have been removed, because their retention is over.",
        "Go on from oldestCursor; what came before it can be read with GET /v2/generations.";
    CONSUMER_LIMIT_REACHED = "consumer_limit_reached", 409,
        "The organization has as many consumers as it may.",
        "Use a name that has committed before; one that has been idle for 90 days makes room by itself.";
    LISTENER_LIMIT_REACHED = "listener_limit_reached", 409,
        "The organization has as many listeners as it may.",
        "Use a name that has listened before; one that was not seen for 7 days makes room by itself.";
    LISTENER_TAKEN_OVER = "listener_taken_over", 409,
        "Another listener has taken over this name.",
        "Leave it the name, or begin anew without resume, which takes it back.";
    DELIVERY_EXPIRED = "delivery_expired", 410,
        "Deliveries of that age are not kept any more.", "Ask for a newer one; retention.events says how long they are kept.";
    EVENT_NOT_FOUND = "event_not_found", 404,
        "The event does not exist.",
        "Check the event's id, the webhook-id header; those of other organizations, and those that were removed, are not visible.";
    ENDPOINT_NOT_FOUND = "endpoint_not_found", 404,
        "The endpoint does not exist.", "Check the endpoint's id; those of other organizations are not visible.";
    KEY_NOT_FOUND = "key_not_found", 404,
        "The API key does not exist.", "Check the key's id; those of other organizations are not visible.";
    KEY_LIMIT_REACHED = "key_limit_reached", 409,
        "The organization has as many API keys as it may.", "Revoke one that is not used any more; lastUsedAt says which.";
    SECRET_CONFLICT = "secret_conflict", 409,
        "The signing secret is not in a stage that allows this.", "Do what the message says; GET /postsync/v1/secret shows the stage.";
    ENDPOINT_CONFLICT = "endpoint_conflict", 409,
        "The endpoint can't be made or changed like this.", "Do what the message says, then send the request again.";
    MEDIA_EXPIRED = "media_expired", 410,
        "The file is not there any more: it was deleted, or its retention is over.", "Create the generation again, or upload the file again.";
    RANGE_NOT_SATISFIABLE = "range_not_satisfiable", 416,
        "The range lies outside the file.", "Ask for a range that begins inside the file.";
}
