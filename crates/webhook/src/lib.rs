//! Sign and verify lip-sync webhooks: Sync-Signature and Standard Webhooks.
