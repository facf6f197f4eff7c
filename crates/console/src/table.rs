//! The console's files, as `npm run build` in `console/` left them. Generated: do not edit.
//! Knows nothing of how they are served; `lib.rs` next.

use crate::{Asset, Caching};

pub(crate) const ASSETS: &[(&str, Asset)] = &[
    (
        "assets/codicon-DCmgc-ay.ttf",
        Asset {
            content_type: "font/ttf",
            gzip: include_bytes!("../../../console/dist/assets/codicon-DCmgc-ay.ttf.gz"),
            caching: Caching::Immutable,
            etag: r#"W/"0f1d5219934e96e83b8db162d60b4d8c""#,
        },
    ),
    (
        "assets/graphql-CNP3xU9i.js",
        Asset {
            content_type: "text/javascript; charset=utf-8",
            gzip: include_bytes!("../../../console/dist/assets/graphql-CNP3xU9i.js.gz"),
            caching: Caching::Immutable,
            etag: r#"W/"0e342576ecafbc7a200f5b66d1153030""#,
        },
    ),
    (
        "assets/graphql-fmXr3nnJ.js",
        Asset {
            content_type: "text/javascript; charset=utf-8",
            gzip: include_bytes!("../../../console/dist/assets/graphql-fmXr3nnJ.js.gz"),
            caching: Caching::Immutable,
            etag: r#"W/"a66e3b8eacf8ad4017403825f7cc7978""#,
        },
    ),
    (
        "assets/graphqlMode-BlaBopdx.js",
        Asset {
            content_type: "text/javascript; charset=utf-8",
            gzip: include_bytes!("../../../console/dist/assets/graphqlMode-BlaBopdx.js.gz"),
            caching: Caching::Immutable,
            etag: r#"W/"f633b8ea7cee6816389972a3925af39d""#,
        },
    ),
    (
        "assets/index-NPh8uM_K.css",
        Asset {
            content_type: "text/css; charset=utf-8",
            gzip: include_bytes!("../../../console/dist/assets/index-NPh8uM_K.css.gz"),
            caching: Caching::Immutable,
            etag: r#"W/"e4c60aa73d968a8a3ce932154ebb948f""#,
        },
    ),
    (
        "assets/index-nQrLxC1W.js",
        Asset {
            content_type: "text/javascript; charset=utf-8",
            gzip: include_bytes!("../../../console/dist/assets/index-nQrLxC1W.js.gz"),
            caching: Caching::Immutable,
            etag: r#"W/"e9605e4c2814bd3cf686902b5bfcbd57""#,
        },
    ),
    (
        "assets/jsonMode-DOAN6eKo.js",
        Asset {
            content_type: "text/javascript; charset=utf-8",
            gzip: include_bytes!("../../../console/dist/assets/jsonMode-DOAN6eKo.js.gz"),
            caching: Caching::Immutable,
            etag: r#"W/"071b0128afd0c2777172cdfe2ca50fcf""#,
        },
    ),
    (
        "assets/jsonc-printer-DgH994yV.js",
        Asset {
            content_type: "text/javascript; charset=utf-8",
            gzip: include_bytes!("../../../console/dist/assets/jsonc-printer-DgH994yV.js.gz"),
            caching: Caching::Immutable,
            etag: r#"W/"a52e26584e5fffcb48258bcc21316ee3""#,
        },
    ),
    (
        "assets/lite-TUWtdcSL.js",
        Asset {
            content_type: "text/javascript; charset=utf-8",
            gzip: include_bytes!("../../../console/dist/assets/lite-TUWtdcSL.js.gz"),
            caching: Caching::Immutable,
            etag: r#"W/"6431d0e50028829bef271c7830bcff20""#,
        },
    ),
    (
        "assets/monaco-editor-DU30BYuM.css",
        Asset {
            content_type: "text/css; charset=utf-8",
            gzip: include_bytes!("../../../console/dist/assets/monaco-editor-DU30BYuM.css.gz"),
            caching: Caching::Immutable,
            etag: r#"W/"91e050b0fc8247a51d81691e5f25847e""#,
        },
    ),
    (
        "assets/monaco-editor-PeWVuMuI.js",
        Asset {
            content_type: "text/javascript; charset=utf-8",
            gzip: include_bytes!("../../../console/dist/assets/monaco-editor-PeWVuMuI.js.gz"),
            caching: Caching::Immutable,
            etag: r#"W/"52cfcfe37947c023e2832159117ab849""#,
        },
    ),
    (
        "assets/mouseTarget-dIamXNQc.js",
        Asset {
            content_type: "text/javascript; charset=utf-8",
            gzip: include_bytes!("../../../console/dist/assets/mouseTarget-dIamXNQc.js.gz"),
            caching: Caching::Immutable,
            etag: r#"W/"fb75dacf3cba0589e61fab7af8745eae""#,
        },
    ),
    (
        "assets/standalone-CttwqOis.js",
        Asset {
            content_type: "text/javascript; charset=utf-8",
            gzip: include_bytes!("../../../console/dist/assets/standalone-CttwqOis.js.gz"),
            caching: Caching::Immutable,
            etag: r#"W/"59e02767d125884a2ed4f332dbe4b5fd""#,
        },
    ),
    (
        "assets/worker-BCEwq2Dz.js",
        Asset {
            content_type: "text/javascript; charset=utf-8",
            gzip: include_bytes!("../../../console/dist/assets/worker-BCEwq2Dz.js.gz"),
            caching: Caching::Immutable,
            etag: r#"W/"b7141cdb0d07a80c45dd114d5aeabc4a""#,
        },
    ),
    (
        "favicon.svg",
        Asset {
            content_type: "image/svg+xml",
            gzip: include_bytes!("../../../console/dist/favicon.svg.gz"),
            caching: Caching::Revalidate,
            etag: r#"W/"e5ee47403a25cacca10d342b96f64f91""#,
        },
    ),
    (
        "index.html",
        Asset {
            content_type: "text/html; charset=utf-8",
            gzip: include_bytes!("../../../console/dist/index.html.gz"),
            caching: Caching::Revalidate,
            etag: r#"W/"c685ae8af211ee5f8b0ce8a480f765b9""#,
        },
    ),
    (
        "licenses.txt",
        Asset {
            content_type: "text/plain; charset=utf-8",
            gzip: include_bytes!("../../../console/dist/licenses.txt.gz"),
            caching: Caching::Revalidate,
            etag: r#"W/"0a640c5c48a3e855d1b68602481c4be6""#,
        },
    ),
];
