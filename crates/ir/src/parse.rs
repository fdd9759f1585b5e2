//! The text form read back, and the literals of tensors that worked examples are written in.

mod values;

use std::collections::HashMap;

use crate::text::{Kind, Token, tokens};
use crate::{
    Attrs, Edge, Function, Graph, Model, Node, NodeId, Parameter, Shape, Signature,
    SignatureTensor, Type,
};

/// Where a text is no graph, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}")]
pub struct ParseError {
    /// The line, from 1 on.
    pub line: usize,
    /// What is wrong there.
    pub what: String,
}

type Result<T> = std::result::Result<T, ParseError>;

/// Reads a model as its `Display` writes it.
///
/// # Errors
/// The first place that is no such text.
pub fn parse_model(text: &str) -> Result<Model> {
    let mut parser = Parser::new(text)?;
    let mut model = Model::default();
    let mut signatures = Vec::new();
    let mut initializer_outputs = Vec::new();
    while let Some(token) = parser.peek() {
        let line = token.line;
        match parser.word()?.as_str() {
            "graph" => model.graph = parser.graph()?.0,
            "initializer" => model.initializer = parser.graph()?.0,
            "initializer_output" => initializer_outputs.push(parser.signature_tensor()?),
            "signature" => signatures.push((parser.name()?, parser.signature()?)),
            "function" => {
                let function = parser.function()?;
                model.functions.insert(function.name.clone(), function);
            }
            other => return Err(error(line, format!("`{other}` begins nothing"))),
        }
    }
    for (name, (inputs, outputs)) in signatures {
        let all = |list: Vec<Unresolved>| {
            list.into_iter().map(|one| one.resolve(&model.graph)).collect::<Result<Vec<_>>>()
        };
        let signature = Signature { inputs: all(inputs)?, outputs: all(outputs)? };
        model.signatures.insert(name, signature);
    }
    for tensor in initializer_outputs {
        model.initializer_outputs.push(tensor.resolve(&model.initializer)?);
    }
    Ok(model)
}

/// Reads attributes, such as `keep_dims=true, strides=[1, 2]`.
///
/// # Errors
/// The first place that is no such text.
pub fn parse_attrs(text: &str) -> Result<Attrs> {
    let mut parser = Parser::new(text)?;
    let attrs = parser.attrs_until(None)?;
    parser.end()?;
    Ok(attrs)
}

/// Reads tensors, such as `[[1, 2], [3, 4]], int32[0], bool true`: a type (`float32` when it is left
/// out), then nested brackets, or dims and flat elements, or one element.
///
/// # Errors
/// The first place that is no such text.
pub fn parse_tensors(text: &str) -> Result<Vec<tensorferry_tensor::DenseTensor>> {
    let mut parser = Parser::new(text)?;
    let mut all = Vec::new();
    while parser.peek().is_some() {
        all.push(parser.tensor()?);
        if parser.peek().is_some() {
            parser.mark(',')?;
        }
    }
    Ok(all)
}

fn error(line: usize, what: impl Into<String>) -> ParseError {
    ParseError { line, what: what.into() }
}

/// A signature's tensor whose node is not looked up yet.
struct Unresolved {
    line: usize,
    node: String,
    tensor: SignatureTensor,
}

impl Unresolved {
    fn resolve(mut self, graph: &Graph) -> Result<SignatureTensor> {
        let found = graph.find(&self.node);
        self.tensor.edge.node =
            found.ok_or_else(|| error(self.line, format!("there is no node `{}`", self.node)))?;
        Ok(self.tensor)
    }
}

/// Data and control inputs by name.
type Inputs = (Vec<(String, u32)>, Vec<String>);

struct Parser {
    tokens: Vec<Token>,
    at: usize,
}

impl Parser {
    fn new(text: &str) -> Result<Self> {
        let tokens = tokens(text).map_err(|(line, what)| error(line, what))?;
        Ok(Self { tokens, at: 0 })
    }

    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn line(&self) -> usize {
        self.peek().or(self.tokens.last()).map_or(1, |token| token.line)
    }

    fn fail<T>(&self, what: impl Into<String>) -> Result<T> {
        Err(error(self.line(), what))
    }

    fn is_mark(&self, c: char) -> bool {
        self.peek().is_some_and(|token| token.kind == Kind::Mark(c))
    }

    fn is_word(&self, word: &str) -> bool {
        matches!(self.peek(), Some(Token { kind: Kind::Word(w), .. }) if w == word)
    }

    fn try_mark(&mut self, c: char) -> bool {
        let is = self.is_mark(c);
        self.at += usize::from(is);
        is
    }

    fn try_word(&mut self, word: &str) -> bool {
        let is = self.is_word(word);
        self.at += usize::from(is);
        is
    }

    fn mark(&mut self, c: char) -> Result<()> {
        if self.try_mark(c) { Ok(()) } else { self.fail(format!("`{c}` is missing")) }
    }

    fn word(&mut self) -> Result<String> {
        match self.peek() {
            Some(Token { kind: Kind::Word(word), .. }) => {
                let word = word.clone();
                self.at += 1;
                Ok(word)
            }
            _ => self.fail("a word is missing"),
        }
    }

    fn name(&mut self) -> Result<String> {
        if let Some(Token { kind: Kind::Quoted(bytes), .. }) = self.peek() {
            let name = String::from_utf8(bytes.clone());
            let Ok(name) = name else { return self.fail("the name is not UTF-8") };
            self.at += 1;
            return Ok(name);
        }
        self.word()
    }

    fn end(&self) -> Result<()> {
        if self.peek().is_none() { Ok(()) } else { self.fail("the text goes on") }
    }

    fn ty(&mut self) -> Result<Type> {
        let word = self.word()?;
        Type::from_name(&word).map_or_else(|| self.fail(format!("`{word}` is no type")), Ok)
    }

    /// `node` or `node:1`.
    fn edge(&mut self) -> Result<(String, u32)> {
        let name = self.name()?;
        if !self.try_mark(':') {
            return Ok((name, 0));
        }
        let output = self.word()?;
        output.parse().map_or_else(|_| self.fail("an output is a number"), |n| Ok((name, n)))
    }

    /// `{ node… }`, and the nodes by name.
    fn graph(&mut self) -> Result<(Graph, HashMap<String, NodeId>)> {
        self.mark('{')?;
        let mut graph = Graph::default();
        let mut names = HashMap::new();
        let mut inputs: Vec<(NodeId, usize, Inputs)> = Vec::new();
        while !self.try_mark('}') {
            let line = self.line();
            let name = self.name()?;
            self.mark('=')?;
            let mut node = Node::new(name.clone(), self.name()?);
            let node_inputs = self.node_inputs()?;
            if self.try_mark('{') {
                node.attrs = self.attrs_until(Some('}'))?;
            }
            let id = graph.push(node);
            names.insert(name, id);
            inputs.push((id, line, node_inputs));
        }
        for (id, line, (data, control)) in inputs {
            let find = |name: &str| {
                let id = names.get(name).copied();
                id.ok_or_else(|| error(line, format!("there is no node `{name}`")))
            };
            let edge =
                |(name, output): &(String, u32)| Ok(Edge { node: find(name)?, output: *output });
            graph.node_mut(id).inputs = data.iter().map(edge).collect::<Result<_>>()?;
            graph.node_mut(id).control =
                control.iter().map(|name| find(name)).collect::<Result<_>>()?;
        }
        Ok((graph, names))
    }

    fn node_inputs(&mut self) -> Result<Inputs> {
        let mut inputs = Inputs::default();
        self.mark('(')?;
        while !self.try_mark(')') {
            if self.try_mark('^') {
                inputs.1.push(self.name()?);
            } else {
                inputs.0.push(self.edge()?);
            }
            if !self.is_mark(')') {
                self.mark(',')?;
            }
        }
        Ok(inputs)
    }

    fn signature(&mut self) -> Result<(Vec<Unresolved>, Vec<Unresolved>)> {
        self.mark('{')?;
        let (mut inputs, mut outputs) = (Vec::new(), Vec::new());
        while !self.try_mark('}') {
            match self.word()?.as_str() {
                "input" => inputs.push(self.signature_tensor()?),
                "output" => outputs.push(self.signature_tensor()?),
                other => return self.fail(format!("`{other}` is neither input nor output")),
            }
        }
        Ok((inputs, outputs))
    }

    /// `name = node:1 float32 <?,3>`, and `resource 7` for what the initializer makes.
    fn signature_tensor(&mut self) -> Result<Unresolved> {
        let line = self.line();
        let name = self.name()?;
        self.mark('=')?;
        let (node, output) = self.edge()?;
        let (ty, shape) = (self.ty()?, self.shape()?);
        let mut resource_id = None;
        if self.try_word("resource") {
            let id = self.word()?;
            resource_id = Some(id.parse().map_err(|_| error(line, "an id is a number"))?);
        }
        let edge = Edge { node: NodeId(0), output };
        let tensor = SignatureTensor { name, edge, ty, shape, resource_id };
        Ok(Unresolved { line, node, tensor })
    }

    fn function(&mut self) -> Result<Function> {
        let line = self.line();
        let mut function = Function { name: self.name()?, ..Function::default() };
        self.mark('(')?;
        while !self.try_mark(')') {
            function.arguments.push(self.parameter()?);
            if !self.is_mark(')') {
                self.mark(',')?;
            }
        }
        if !self.try_word("returns") {
            return self.fail("`returns` is missing");
        }
        let mut results = Vec::new();
        self.mark('(')?;
        while !self.try_mark(')') {
            let parameter = self.parameter()?;
            self.mark('=')?;
            results.push((parameter, self.edge()?));
            if !self.is_mark(')') {
                self.mark(',')?;
            }
        }
        let after = if self.try_word("after") { self.node_inputs()?.0 } else { Vec::new() };
        function.is_stateful = self.try_word("stateful");
        if self.try_word("attrs") {
            self.mark('{')?;
            function.attrs = self.attrs_until(Some('}'))?;
        }
        let (graph, names) = self.graph()?;
        let find = |name: &str| {
            let id = names.get(name).copied();
            id.ok_or_else(|| error(line, format!("there is no node `{name}`")))
        };
        for (parameter, (node, output)) in results {
            function.results.push((parameter, Edge { node: find(&node)?, output }));
        }
        for (node, _) in after {
            function.control_results.push(find(&node)?);
        }
        function.graph = graph;
        Ok(function)
    }

    fn parameter(&mut self) -> Result<Parameter> {
        let name = self.name()?;
        self.mark(':')?;
        Ok(Parameter { name, ty: self.ty()? })
    }

    fn shape(&mut self) -> Result<Shape> {
        values::shape(self)
    }
}
