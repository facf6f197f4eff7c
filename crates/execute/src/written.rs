//! Answers of introspection: known without any database, and written while they are sent.
//!
//! Listing a large schema's types takes a while, so others get their turn after each part; a part takes no longer than
//! they may well wait, and is written by the thread that sends it, so that the memory of one thread serves all.
//! Read next: `parts.rs`, which sends what is written here.

use std::sync::Arc;

use bytes::Bytes;
use graphloom_ir::{OperationKind, Progress, Written};
use graphloom_vocab::Result;
use tokio::task::yield_now;

use crate::guard::TimeLimit;
use crate::operation::{OperationPlan, RootPlan, RootPlanValue};
use crate::parts::{self, Data, Sender};

/// How much of an answer is written in one go where all of it is needed at once.
const GO_BYTES: usize = 64 << 10;

/// Whether there is such a text among the root fields.
pub(crate) fn is_in(plan: &OperationPlan) -> bool {
    plan.roots.iter().any(is_written)
}

fn is_written(root: &RootPlan) -> bool {
    matches!(root.value, RootPlanValue::Written(_))
}

/// Whether nothing is asked of any database, and what is asked may be large.
pub(crate) fn is_all(plan: &OperationPlan) -> bool {
    let is_known = |root: &RootPlan| matches!(root.value, RootPlanValue::Constant(_));
    let mut roots = plan.roots.iter();
    plan.kind == OperationKind::Query
        && is_in(plan)
        && roots.all(|root| is_known(root) || is_written(root))
}

/// The texts of an operation's root fields, in order.
pub(crate) async fn texts(plan: &OperationPlan) -> Result<Vec<Bytes>> {
    let mut texts = Vec::new();
    for root in &plan.roots {
        if let RootPlanValue::Written(written) = &root.value {
            texts.push(whole(written).await?);
        }
    }
    Ok(texts)
}

async fn whole(written: &Written) -> Result<Bytes> {
    let mut text = Vec::new();
    let mut writing = written.begin();
    loop {
        let most = text.len() + GO_BYTES;
        match writing.write(&mut text, most)? {
            Progress::Done => return Ok(text.into()),
            Progress::Working | Progress::Full => yield_now().await,
        }
    }
}

/// Begins to answer such an operation, and waits until there is enough to tell how large the answer is.
pub(crate) async fn start(plan: Arc<OperationPlan>, limit: Option<TimeLimit>) -> Result<Data> {
    parts::start(limit, |sender| write(plan, sender)).await
}

async fn write(plan: Arc<OperationPlan>, mut sender: Sender) -> Result<Bytes> {
    let mut text = vec![b'{'];
    for (position, root) in plan.roots.iter().enumerate() {
        if position > 0 {
            text.push(b',');
        }
        text.extend_from_slice(root.key_text.as_bytes());
        match &root.value {
            RootPlanValue::Constant(constant) => text.extend_from_slice(constant.as_bytes()),
            RootPlanValue::Written(written) => {
                let mut writing = written.begin();
                loop {
                    match writing.write(&mut text, sender.part_bytes())? {
                        Progress::Done => break,
                        Progress::Working => yield_now().await,
                        Progress::Full => sender.send(&mut text).await?,
                    }
                }
            }
            RootPlanValue::Namespace(_)
            | RootPlanValue::Statement(_)
            | RootPlanValue::Mutation(_) => {}
        }
    }
    text.push(b'}');
    Ok(text.into())
}
