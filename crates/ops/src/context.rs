//! What an op may ask of whoever runs or plans it.

use tensorferry_ir::FuncRef;

use crate::{Error, Fact, Resources, Result, Value};

/// What an op that runs functions or holds state asks of the executor.
pub trait Context {
    /// Runs a function.
    ///
    /// # Errors
    /// What its nodes say, and when there is no such function or it is too deep.
    fn call(&mut self, function: &FuncRef, args: Vec<Value>) -> Result<Vec<Value>>;

    /// Tables, arrays and variables by name.
    fn resources(&mut self) -> &mut Resources;

    /// The node's name, under which it may share what it holds.
    fn node_name(&self) -> &str;

    /// The node's name behind its function's, under which it keeps what is its own.
    fn site(&self) -> String {
        self.node_name().to_owned()
    }
}

/// What an op that runs functions asks while a graph is planned.
pub trait InferContext {
    /// What a function gives for such arguments.
    ///
    /// # Errors
    /// What its nodes say.
    fn call(&mut self, function: &FuncRef, args: &[Fact]) -> Result<Vec<Fact>>;
}

/// For ops that need nothing.
#[derive(Debug, Default)]
pub struct NoContext(Resources);

impl Context for NoContext {
    fn call(&mut self, function: &FuncRef, _: Vec<Value>) -> Result<Vec<Value>> {
        Err(Error::unsupported(format!("the function `{}` cannot be called here", function.name)))
    }

    fn resources(&mut self) -> &mut Resources {
        &mut self.0
    }

    fn node_name(&self) -> &str {
        "node"
    }
}

impl InferContext for NoContext {
    fn call(&mut self, function: &FuncRef, _: &[Fact]) -> Result<Vec<Fact>> {
        Err(Error::unsupported(format!("the function `{}` is not known here", function.name)))
    }
}
