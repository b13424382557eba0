//! The application: every capability's routes under one roof.
//!
//! What holds for all requests stands here: bodies are paced, each reply carries the epoch
//! and security headers, whatever is not an operation is a problem document, and so is the
//! answer of a handler that panicked.

use crate::{
    app::App,
    dispatch, duty,
    edge::{EPOCH_HEADER, Problem, body, health},
    media, orders, people, sync, territory, trace,
};
use actix_web::{
    HttpResponse, ResponseError,
    body::{BoxBody, EitherBody, MessageBody},
    dev::{Service, ServiceRequest, ServiceResponse},
    get,
    http::{
        StatusCode,
        header::{self, HeaderMap, HeaderName, HeaderValue},
    },
    web,
};
use futures_util::FutureExt;
use gridcrew_sync_protocol::code::Code;
use std::{any::Any, future::Future, panic::AssertUnwindSafe};
use utoipa::{
    Modify, OpenApi,
    openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
};
use utoipa_actix_web::service_config::ServiceConfig;
use utoipa_swagger_ui::SwaggerUi;

/// The head of the API document; paths and schemas are collected from the routes.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Gridcrew",
        description = "Orders find their manager, handhelds work them offline, the trace comes \
                       back. Problems are RFC 9457 documents with a stable `code`.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    modifiers(&Bearer),
    security(("bearer" = []))
)]
struct Head;

struct Bearer;

impl Modify for Bearer {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .bearer_format("JWT")
            .build();
        let components = openapi.components.get_or_insert_default();
        components.add_security_scheme("bearer", SecurityScheme::Http(scheme));
    }
}

/// Every operation of the API.
fn operations(config: &mut ServiceConfig) {
    config
        .service(health::health)
        .configure(people::configure)
        .configure(territory::routes::configure)
        .configure(orders::routes::configure)
        .configure(dispatch::routes::configure)
        .configure(duty::routes::configure)
        .configure(media::configure)
        .configure(sync::configure)
        .configure(trace::routes::configure);
}

/// The API document.
#[must_use]
pub fn api_document() -> utoipa::openapi::OpenApi {
    use utoipa_actix_web::AppExt;
    let (_, document) = actix_web::App::new()
        .into_utoipa_app()
        .openapi(Head::openapi())
        .service(utoipa_actix_web::scope("/api/v1").configure(operations))
        .split_for_parts();
    document
}

/// Sets up the routes of one worker.
pub fn routes(config: &mut web::ServiceConfig, app: &App, document: &utoipa::openapi::OpenApi) {
    // The first that fits takes a request, so the document stands before the scope around it.
    config
        .service(front_page)
        .service(territory::routes::board_page)
        .service(territory::routes::board_sheet)
        .service(SwaggerUi::new("/docs/{_:.*}").url("/api/v1/openapi.json", document.clone()));
    let mut config = ServiceConfig::new(config);
    config
        .app_data(web::Data::new(app.clone()))
        .app_data(web::PathConfig::default().error_handler(|_, _| Problem::not_found().into()))
        .app_data(web::QueryConfig::default().error_handler(|error, _| {
            Problem::new(Code::RequestMalformed, format!("The query: {error}.")).into()
        }))
        .service(utoipa_actix_web::scope("/api/v1").configure(operations));
    config.map(|config| {
        config.default_service(web::to(|| async { Problem::not_found().error_response() }))
    });
}

/// The page at the root: what this is, and where to read on.
#[get("/")]
async fn front_page() -> HttpResponse {
    HttpResponse::Ok()
        .content_type("text/html; charset=utf-8")
        .body(include_str!("front_page.html"))
}

/// What surrounds every request: the pace of its body before, headers and a problem for
/// empty errors after.
pub fn around<S, B>(
    mut request: ServiceRequest,
    service: &S,
) -> impl Future<Output = Result<ServiceResponse<EitherBody<B, BoxBody>>, actix_web::Error>> + use<S, B>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = actix_web::Error>,
    B: MessageBody + 'static,
{
    body::pace(&mut request);
    let epoch = request
        .app_data::<web::Data<App>>()
        .map(|app| app.epoch().to_string());
    let reading = request.path().starts_with("/docs") || request.path() == "/";
    let reply = service.call(request);
    async move {
        // A panic ends this request and nothing else: what it had begun to write is rolled
        // back with its transaction.
        let reply = AssertUnwindSafe(reply).catch_unwind().await;
        let reply = reply.map_err(|panic| Problem::internal(words_of(panic.as_ref())))??;
        let mut reply = explained(reply);
        mark(reply.headers_mut(), epoch.as_deref(), reading);
        Ok(reply)
    }
}

/// What a panic said.
fn words_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("a panic: {}", text.unwrap_or("without words"))
}

/// Errors that the framework makes itself have no body: give them one.
fn explained<B: MessageBody + 'static>(
    reply: ServiceResponse<B>,
) -> ServiceResponse<EitherBody<B, BoxBody>> {
    let is_problem = reply
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"application/problem+json"));
    let problem = match reply.status() {
        _ if is_problem => None,
        StatusCode::METHOD_NOT_ALLOWED => Some(Problem::new(
            Code::MethodNotAllowed,
            "This path has other methods; see the API document.",
        )),
        StatusCode::NOT_FOUND => Some(Problem::not_found()),
        StatusCode::BAD_REQUEST => Some(Problem::new(
            Code::RequestMalformed,
            "The request cannot be read.",
        )),
        _ => None,
    };
    match problem {
        Some(problem) => reply
            .into_response(problem.error_response())
            .map_into_right_body(),
        None => reply.map_into_left_body(),
    }
}

fn mark(headers: &mut HeaderMap, epoch: Option<&str>, reading: bool) {
    const READING_POLICY: &str = "default-src 'self'; style-src 'self' 'unsafe-inline'; \
                                  img-src 'self' data:; frame-ancestors 'none'";
    const API_POLICY: &str = "default-src 'none'; frame-ancestors 'none'; sandbox";
    let policy = if reading { READING_POLICY } else { API_POLICY };
    let mut set = |name: HeaderName, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value)
            && !headers.contains_key(&name)
        {
            headers.insert(name, value);
        }
    };
    set(header::CONTENT_SECURITY_POLICY, policy);
    set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(header::REFERRER_POLICY, "no-referrer");
    if !reading {
        set(header::CACHE_CONTROL, "no-store");
    }
    if let (Some(epoch), Ok(name)) = (epoch, HeaderName::try_from(EPOCH_HEADER)) {
        set(name, epoch);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::{body::to_bytes, test};

    async fn boom() -> HttpResponse {
        panic!("injected")
    }

    #[actix_web::test]
    async fn a_handler_that_panics_is_a_problem_and_the_next_request_is_answered() {
        let app = actix_web::App::new()
            .wrap_fn(around)
            .route("/boom", web::get().to(boom))
            .service(front_page);
        let app = test::init_service(app).await;
        for _ in 0..3 {
            let request = test::TestRequest::get().uri("/boom").to_request();
            let problem = test::try_call_service(&app, request).await.unwrap_err();
            let reply = problem.error_response();
            assert_eq!(reply.status(), StatusCode::INTERNAL_SERVER_ERROR);
            let body = to_bytes(reply.into_body()).await.unwrap();
            let body = String::from_utf8(body.to_vec()).unwrap();
            assert!(body.contains("\"code\":\"internal\""), "{body}");
            assert!(!body.contains("injected"), "the cause is for the log");
            let request = test::TestRequest::get().uri("/").to_request();
            let reply = test::call_service(&app, request).await;
            assert_eq!(reply.status(), StatusCode::OK);
        }
    }
}
