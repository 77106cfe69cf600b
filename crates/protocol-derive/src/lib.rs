//! `#[derive(Message)]`: the codec of one of Kafka's messages, from the struct that describes it.
//!
//! A struct with `#[api(..)]` (request or response), `#[record(..)]` (metadata, coordinator, remote log) or
//! `#[data(..)]` (anything else with versions of its own) is a message; one without is nested in a message. What the
//! derive makes: `Default` with Kafka's defaults, `Value` (reading and writing in a given version), and for messages
//! `Message` and `Request` / `Response` / `Record`. `Debug`, `Clone` and `PartialEq` are left to the usual derives.
//!
//! ```text
//! #[api(key = 0, versions = 3..=13, flexible = 9.., listeners = [Broker], latest_unstable)]
//! #[record(key = 2, versions = 0, flexible = 0..)]
//! #[data(versions = 0..=1, flexible = none)]
//!
//! #[field(since = 3, until = 8)]      versions that have the field; all of the message's without
//! #[field(nullable = 7..)]            versions in which an `Option` may be null; all of the field's without
//! #[field(default = -1)]              also "text", true, null; the type's zero without, so that an `Option` starts as
//!                                     `Some`, as in Kafka
//! #[field(tag = 0)]                   a tagged field
//! #[field(ignorable)]                 dropped silently where the version lacks it; otherwise an error if it is set
//! #[field(inflexible)]                keeps its old form in flexible versions
//! #[field(counted = version > 7)]     whether Kafka counts the error codes in it, said of `self` and `version`; always
//!                                     without
//! #[field(name = "KRaftVersion")]     Kafka's name, where camel case of the field's name is not
//! ```
//!
//! A struct of a flexible message has a last field `unknown_tagged_fields: Vec<RawTaggedField>`.
//!
//! Non-obvious: the code is small on purpose, since a thousand fields are compiled with it: reading starts from the
//! defaults and overwrites what the version has; names for errors are handed to the cursor instead of being wrapped
//! around every call.

mod attributes;
mod codec;
mod message;

use proc_macro::TokenStream;
use syn::{Data, DeriveInput, Error, Fields, parse_macro_input};

use crate::attributes::{MessageAttribute, MessageField};

/// See the crate's documentation.
#[proc_macro_derive(Message, attributes(api, record, data, field))]
pub fn derive_message(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    expand(&input).unwrap_or_else(Error::into_compile_error).into()
}

/// A struct as the attributes describe it.
struct Described {
    ident: syn::Ident,
    /// Kafka's name.
    kafka_name: String,
    fields: Vec<MessageField>,
    /// Whether it keeps unknown tagged fields.
    keeps_tags: bool,
}

fn expand(input: &DeriveInput) -> syn::Result<proc_macro2::TokenStream> {
    let Data::Struct(data) = &input.data else { return Err(Error::new_spanned(input, "structs only")) };
    let message = MessageAttribute::find(&input.attrs)?;
    let fields = match &data.fields {
        Fields::Named(named) => named.named.iter().collect::<Vec<_>>(),
        _ => Vec::new(),
    };
    let is_tags =
        |field: &&&syn::Field| field.ident.as_ref().is_some_and(|ident| ident == "unknown_tagged_fields");
    let described = Described {
        ident: input.ident.clone(),
        kafka_name: match message.as_ref().and_then(|message| message.name.as_ref()) {
            Some(name) => name.value(),
            None => input.ident.to_string(),
        },
        keeps_tags: fields.iter().any(|field| is_tags(&field)),
        fields: fields
            .iter()
            .filter(|field| !is_tags(field))
            .map(|field| MessageField::read(field))
            .collect::<syn::Result<_>>()?,
    };
    let codec = codec::expand(&described);
    let message = message.map(|message| message::expand(&described, &message)).transpose()?;
    Ok(quote::quote!(#codec #message))
}
