//! Resumable uploads by tus 1.0: what the headers say (`protocol`), the bytes on their way
//! in (`receive`), the answers (`reply`) and the routes.
//!
//! What is particular here: an upload is of a photo that a record promised, so creating the
//! same one again gives the first one back, with the offset that it stands at, and an
//! upload of what is already held is complete from the start. A client that did not expect
//! that and starts at 0 is told the true offset by a 409 and goes on from there. A body
//! that comes with the creation starts at 0; the bytes that are there already are skipped.

pub(super) mod from_outside;
mod protocol;
mod receive;
mod reply;
mod routes;

use utoipa_actix_web::service_config::ServiceConfig;

/// Where uploads are, for `Location`.
pub(super) const UPLOADS: &str = "/api/v1/media/uploads";

pub(super) fn configure(config: &mut ServiceConfig) {
    config
        .service(routes::tus_options)
        .service(routes::tus_create)
        .service(routes::tus_head)
        .service(routes::tus_patch)
        .service(routes::tus_delete);
}
