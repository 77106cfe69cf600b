//! Reading `#[api(..)]`, `#[record(..)]`, `#[data(..)]` and `#[field(..)]`.

use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::parse::{Parse, ParseStream};
use syn::{Attribute, Error, Expr, Field, Ident, LitInt, LitStr, Result, Token, Type, bracketed};

/// Versions from `min` to `max`, both included.
#[derive(Clone, Copy)]
pub(crate) struct Versions {
    pub(crate) min: i16,
    pub(crate) max: i16,
}

impl Versions {
    pub(crate) const ALL: Self = Self { min: 0, max: i16::MAX };
    pub(crate) const NONE: Self = Self { min: 0, max: -1 };

    pub(crate) fn is_none(self) -> bool {
        self.max < self.min
    }

    /// An expression of type `VersionRange`.
    pub(crate) fn expression(self) -> TokenStream {
        let Self { min, max } = self;
        quote!(::klamm_protocol::VersionRange::new(#min, #max))
    }

    /// An expression that says whether `version` is among them, or `None` if every version is.
    pub(crate) fn condition(self) -> Option<TokenStream> {
        let Self { min, max } = self;
        match (min, max) {
            _ if max < min => Some(quote!(false)),
            (0, i16::MAX) => None,
            (0, _) => Some(quote!(version <= #max)),
            (_, i16::MAX) => Some(quote!(version >= #min)),
            _ if min == max => Some(quote!(version == #min)),
            _ => Some(quote!((#min..=#max).contains(&version))),
        }
    }
}

impl Parse for Versions {
    /// `3`, `3..=13`, `9..` or `none`.
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        if input.peek(Ident) {
            let word: Ident = input.parse()?;
            return if word == "none" {
                Ok(Self::NONE)
            } else {
                Err(Error::new(word.span(), "versions expected"))
            };
        }
        let min = input.parse::<LitInt>()?.base10_parse()?;
        if input.peek(Token![..=]) {
            input.parse::<Token![..=]>()?;
            return Ok(Self { min, max: input.parse::<LitInt>()?.base10_parse()? });
        }
        if input.peek(Token![..]) {
            input.parse::<Token![..]>()?;
            return Ok(Self { min, max: i16::MAX });
        }
        Ok(Self { min, max: min })
    }
}

/// What a struct is: its outer attribute.
pub(crate) struct MessageAttribute {
    /// `api`, `record` or `data`.
    pub(crate) kind: Ident,
    pub(crate) key: Option<i16>,
    pub(crate) versions: Versions,
    pub(crate) flexible: Versions,
    pub(crate) listeners: Vec<Ident>,
    pub(crate) latest_unstable: bool,
    pub(crate) name: Option<LitStr>,
}

impl MessageAttribute {
    /// The attribute of a message, `None` for a nested struct.
    pub(crate) fn find(attributes: &[Attribute]) -> Result<Option<Self>> {
        for attribute in attributes {
            let path = attribute.path();
            if path.is_ident("api") || path.is_ident("record") || path.is_ident("data") {
                return Self::read(attribute).map(Some);
            }
        }
        Ok(None)
    }

    fn read(attribute: &Attribute) -> Result<Self> {
        let mut found = Self {
            kind: attribute.path().require_ident()?.clone(),
            key: None,
            versions: Versions::NONE,
            flexible: Versions::NONE,
            listeners: Vec::new(),
            latest_unstable: false,
            name: None,
        };
        attribute.parse_nested_meta(|meta| {
            let word = meta.path.require_ident()?.to_string();
            match word.as_str() {
                "key" => found.key = Some(meta.value()?.parse::<LitInt>()?.base10_parse()?),
                "versions" => found.versions = meta.value()?.parse()?,
                "flexible" => found.flexible = meta.value()?.parse()?,
                "name" => found.name = Some(meta.value()?.parse()?),
                "latest_unstable" => found.latest_unstable = true,
                "listeners" => {
                    let value = meta.value()?;
                    let list;
                    bracketed!(list in value);
                    found.listeners = list.parse_terminated(Ident::parse, Token![,])?.into_iter().collect();
                }
                _ => return Err(meta.error("unknown word")),
            }
            Ok(())
        })?;
        if found.versions.is_none() {
            return Err(Error::new_spanned(attribute, "versions are missing"));
        }
        Ok(found)
    }
}

/// The default that `#[field(default = ..)]` names.
pub(crate) enum DefaultAttribute {
    /// The type's own.
    Zero,
    Null,
    Text(LitStr),
    Value(Expr),
}

/// One field with its attribute.
pub(crate) struct MessageField {
    pub(crate) ident: Ident,
    pub(crate) ty: Type,
    /// The `T` of an `Option<T>`.
    pub(crate) inner: Option<Type>,
    pub(crate) kafka_name: String,
    pub(crate) versions: Versions,
    pub(crate) nullable: Versions,
    pub(crate) tag: Option<u32>,
    pub(crate) default: DefaultAttribute,
    pub(crate) ignorable: bool,
    pub(crate) inflexible: bool,
    /// Says whether its error codes are counted. Every time without.
    pub(crate) counted: Option<Expr>,
}

impl MessageField {
    pub(crate) fn read(field: &Field) -> Result<Self> {
        let ident = field.ident.clone().ok_or_else(|| Error::new(Span::call_site(), "named fields only"))?;
        let inner = option_inner(&field.ty);
        let mut found = Self {
            kafka_name: pascal_case(&ident.to_string()),
            ident,
            ty: field.ty.clone(),
            versions: Versions::ALL,
            nullable: if inner.is_some() { Versions::ALL } else { Versions::NONE },
            inner,
            tag: None,
            default: DefaultAttribute::Zero,
            ignorable: false,
            inflexible: false,
            counted: None,
        };
        for attribute in field.attrs.iter().filter(|attribute| attribute.path().is_ident("field")) {
            attribute.parse_nested_meta(|meta| {
                let word = meta.path.require_ident()?.to_string();
                match word.as_str() {
                    "since" => found.versions.min = meta.value()?.parse::<LitInt>()?.base10_parse()?,
                    "until" => found.versions.max = meta.value()?.parse::<LitInt>()?.base10_parse()?,
                    "nullable" => found.nullable = meta.value()?.parse()?,
                    "tag" => found.tag = Some(meta.value()?.parse::<LitInt>()?.base10_parse()?),
                    "name" => found.kafka_name = meta.value()?.parse::<LitStr>()?.value(),
                    "default" => found.default = read_default(meta.value()?)?,
                    "ignorable" => found.ignorable = true,
                    "inflexible" => found.inflexible = true,
                    "counted" => found.counted = Some(meta.value()?.parse()?),
                    _ => return Err(meta.error("unknown word")),
                }
                Ok(())
            })?;
        }
        if found.inner.is_none() && !found.nullable.is_none() {
            return Err(Error::new_spanned(field, "a nullable field must be an Option"));
        }
        Ok(found)
    }
}

fn read_default(input: ParseStream<'_>) -> Result<DefaultAttribute> {
    if input.peek(LitStr) {
        return Ok(DefaultAttribute::Text(input.parse()?));
    }
    let value: Expr = input.parse()?;
    match &value {
        Expr::Path(path) if path.path.is_ident("null") => Ok(DefaultAttribute::Null),
        _ => Ok(DefaultAttribute::Value(value)),
    }
}

/// The `T` of an `Option<T>`.
fn option_inner(ty: &Type) -> Option<Type> {
    let Type::Path(path) = ty else { return None };
    let last = path.path.segments.last().filter(|last| last.ident == "Option")?;
    let syn::PathArguments::AngleBracketed(arguments) = &last.arguments else { return None };
    match arguments.args.first()? {
        syn::GenericArgument::Type(inner) => Some(inner.clone()),
        _ => None,
    }
}

/// `topic_id` as Kafka writes it: `TopicId`.
fn pascal_case(snake: &str) -> String {
    let snake = snake.strip_prefix("r#").unwrap_or(snake);
    let mut pascal = String::with_capacity(snake.len());
    for word in snake.split('_') {
        let mut letters = word.chars();
        if let Some(first) = letters.next() {
            pascal.extend(first.to_uppercase());
            pascal.push_str(letters.as_str());
        }
    }
    pascal
}
