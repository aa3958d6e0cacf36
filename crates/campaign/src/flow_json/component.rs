//! Components of a screen.

/// One component of a screen.
#[derive(Clone, Debug, PartialEq)]
pub struct FlowComponent {
    /// What it is.
    pub kind: FlowPart,
    /// The reference on which it depends whether the component is visible, such as `${data.is_open}`.
    pub visible: Option<String>,
}

/// What a component shows. Texts may contain references such as `${data.name}`.
#[derive(Clone, Debug, PartialEq)]
pub enum FlowPart {
    /// A text.
    Text {
        /// Its size.
        style: FlowText,
        /// The text.
        text: String,
    },
    /// A field for a text or a date.
    Input {
        /// Which field.
        input: FlowInput,
        /// What is said about it.
        field: FlowField,
    },
    /// A field with options.
    Choice {
        /// Which field.
        choice: FlowChoice,
        /// What is said about it.
        field: FlowField,
        /// The options.
        options: FlowOptions,
    },
    /// A box to agree.
    OptIn(FlowField),
    /// A link.
    Link(String),
    /// A picture, which is not shown; its description.
    Image(String),
    /// `If` or `Switch`, with the first of its branches.
    Branch {
        /// `If` or `Switch`.
        word: &'static str,
        /// On what it depends.
        condition: String,
        /// The name of the branch: `then`, or the first case.
        branch: String,
        /// The number of further branches.
        others: usize,
        /// The components of the first branch.
        components: Vec<FlowComponent>,
    },
    /// The button at the end; its label.
    Footer(String),
    /// A component that is not known here; its type.
    Unknown(String),
}

/// The size of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlowText {
    /// `TextHeading`
    Heading,
    /// `TextSubheading`
    Subheading,
    /// `TextBody`
    Body,
    /// `TextCaption`
    Caption,
}

impl FlowText {
    /// The most characters that WhatsApp shows.
    pub fn limit(self) -> usize {
        match self {
            Self::Heading | Self::Subheading => 80,
            Self::Body => 4096,
            Self::Caption => 409,
        }
    }
}

/// A field for a text or a date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlowInput {
    /// `TextInput`
    Line,
    /// `TextArea`
    Area,
    /// `DatePicker`
    Date,
    /// `CalendarPicker`
    Calendar,
}

/// A field with options.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlowChoice {
    /// `Dropdown`
    Dropdown,
    /// `RadioButtonsGroup`
    Radio,
    /// `CheckboxGroup`
    Checkbox,
    /// `ChipsSelector`
    Chips,
}

/// What is said about a field.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FlowField {
    /// The name in the form.
    pub name: String,
    /// The label above it.
    pub label: String,
    /// The explanation below it.
    pub help: String,
    /// Whether it must be filled in.
    pub is_required: bool,
}

/// The options of a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FlowOptions {
    /// They are in the Flow JSON.
    Listed(Vec<FlowOption>),
    /// They are data of the screen: the reference, such as `${data.towns}`.
    Data(String),
}

/// One option.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlowOption {
    /// What an answer contains.
    pub id: String,
    /// What people see.
    pub title: String,
    /// A second line.
    pub description: String,
}
