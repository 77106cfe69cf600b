//! `Default`, `Value` and the description of a struct's fields.

use proc_macro2::TokenStream;
use quote::quote;

use crate::Described;
use crate::attributes::{DefaultAttribute, MessageField};

/// `Default` and `Value`.
pub(crate) fn expand(described: &Described) -> TokenStream {
    let ident = &described.ident;
    let kafka_name = &described.kafka_name;
    let schemas = described.fields.iter().map(schema);
    let default = default(described);
    let read = read(described);
    let write = write(described);
    let error_codes = error_codes(described);
    quote! {
        #default

        #[automatically_derived]
        impl #ident {
            const STRUCT: &'static ::klamm_protocol::schema::StructSchema =
                &::klamm_protocol::schema::StructSchema { name: #kafka_name, fields: &[#(#schemas),*] };
        }

        #[automatically_derived]
        impl ::klamm_protocol::wire::Value for #ident {
            const TYPE: ::klamm_protocol::schema::FieldType =
                ::klamm_protocol::schema::FieldType::Struct(Self::STRUCT);

            fn read(
                reader: &mut ::klamm_protocol::wire::Reader,
                cx: ::klamm_protocol::wire::Cx,
            ) -> ::core::result::Result<Self, ::klamm_protocol::DecodeError> {
                #read
            }

            fn write(
                &self,
                writer: &mut ::klamm_protocol::wire::Writer,
                cx: ::klamm_protocol::wire::Cx,
            ) -> ::core::result::Result<(), ::klamm_protocol::EncodeError> {
                #write
            }

            fn read_nullable(
                reader: &mut ::klamm_protocol::wire::Reader,
                cx: ::klamm_protocol::wire::Cx,
            ) -> ::core::result::Result<::core::option::Option<Self>, ::klamm_protocol::DecodeError> {
                if ::klamm_protocol::wire::struct_is_present(reader, cx)? {
                    Self::read(reader, cx.untagged()).map(::core::option::Option::Some)
                } else {
                    ::core::result::Result::Ok(::core::option::Option::None)
                }
            }

            fn write_null(
                writer: &mut ::klamm_protocol::wire::Writer,
                cx: ::klamm_protocol::wire::Cx,
            ) -> ::core::result::Result<(), ::klamm_protocol::EncodeError> {
                ::klamm_protocol::wire::write_struct_mark(writer, cx, false);
                ::core::result::Result::Ok(())
            }

            fn write_present(
                &self,
                writer: &mut ::klamm_protocol::wire::Writer,
                cx: ::klamm_protocol::wire::Cx,
            ) -> ::core::result::Result<(), ::klamm_protocol::EncodeError> {
                ::klamm_protocol::wire::write_struct_mark(writer, cx, true);
                self.write(writer, cx.untagged())
            }

            fn is_zero(&self) -> bool {
                *self == Self::default()
            }

            #error_codes
        }
    }
}

/// `Default`.
fn default(described: &Described) -> TokenStream {
    let ident = &described.ident;
    let defaults = described.fields.iter().map(|field| {
        let name = &field.ident;
        let value = default_value(field);
        quote!(#name: #value)
    });
    let tags_default = described.keeps_tags.then(|| quote!(unknown_tagged_fields: ::std::vec::Vec::new(),));
    quote! {
        #[automatically_derived]
        impl ::core::default::Default for #ident {
            fn default() -> Self {
                Self { #(#defaults,)* #tags_default }
            }
        }
    }
}

/// The method that tells the error codes.
fn error_codes(described: &Described) -> TokenStream {
    let of_fields = described.fields.iter().map(error_codes_of);
    quote! {
        #[allow(unused_variables, reason = "a struct may have no field")]
        fn error_codes(&self, version: i16, tell: &mut dyn ::core::ops::FnMut(i16)) {
            #(#of_fields)*
        }
    }
}

/// A statement that tells the error codes of a field.
fn error_codes_of(field: &MessageField) -> TokenStream {
    let ident = &field.ident;
    let statement = if field.inner.is_some() {
        quote! {
            if let ::core::option::Option::Some(value) = &self.#ident {
                ::klamm_protocol::wire::Value::error_codes(value, version, tell);
            }
        }
    } else if ident.to_string().ends_with("error_code") {
        quote!(tell(self.#ident);)
    } else {
        quote!(::klamm_protocol::wire::Value::error_codes(&self.#ident, version, tell);)
    };
    match &field.counted {
        Some(condition) => quote!(if #condition { #statement }),
        None => statement,
    }
}

fn read(described: &Described) -> TokenStream {
    let regular = described.fields.iter().filter(|field| field.tag.is_none()).map(|field| {
        let name = &field.ident;
        let label = name.to_string();
        let value = read_field(field);
        let statement = quote!(reader.enter(#label); message.#name = #value?;);
        match field.versions.condition() {
            Some(condition) => quote!(if #condition { #statement }),
            None => statement,
        }
    });
    let tags = described.keeps_tags.then(|| read_tags(described));
    quote! {
        #[allow(unused_variables, reason = "not every struct depends on the version")]
        let version = cx.version;
        #[allow(unused_mut, reason = "a struct may have no field")]
        let mut message = Self::default();
        #(#regular)*
        #tags
        ::core::result::Result::Ok(message)
    }
}

fn read_tags(described: &Described) -> TokenStream {
    let known: Vec<_> = described.fields.iter().filter(|field| field.tag.is_some()).collect();
    if known.is_empty() {
        return quote! {
            if cx.flexible {
                reader.enter("unknown_tagged_fields");
                message.unknown_tagged_fields = reader.unknown_tags()?;
            }
        };
    }
    let arms = known.iter().map(|field| {
        let name = &field.ident;
        let label = name.to_string();
        let tag = field.tag;
        let value = read_field(field);
        let arm = quote! {
            reader.enter(#label);
            message.#name = #value?;
            reader.end_tag(tag, remaining)?;
        };
        match field.versions.condition() {
            Some(condition) => quote! {
                #tag if #condition => { #arm }
                #tag => return ::core::result::Result::Err(
                    reader.error(::klamm_protocol::DecodeErrorKind::TagVersion { tag, version })
                ),
            },
            None => quote!(#tag => { #arm }),
        }
    });
    quote! {
        if cx.flexible {
            reader.enter("unknown_tagged_fields");
            for _ in 0..reader.uvarint()? {
                let (tag, remaining) = reader.tag()?;
                match tag {
                    #(#arms)*
                    _ => message.unknown_tagged_fields.push(reader.raw_tag(tag, remaining)?),
                }
            }
        }
    }
}

/// The context a field is read and written in.
fn context(field: &MessageField) -> TokenStream {
    match (field.inflexible, field.tag.is_some() && field.inner.is_some()) {
        (true, _) => quote!(cx.inflexible()),
        (false, true) => quote!(cx.tagged()),
        (false, false) => quote!(cx),
    }
}

/// An expression that reads the field and is a `Result`.
fn read_field(field: &MessageField) -> TokenStream {
    let cx = context(field);
    if field.inner.is_none() {
        return quote!(::klamm_protocol::wire::Value::read(reader, #cx));
    }
    let nullable = nullable(field);
    quote!(::klamm_protocol::wire::read_nullable(reader, #cx, #nullable))
}

fn nullable(field: &MessageField) -> TokenStream {
    // Where the field is not there at all, nothing asks: `since` needs no second check.
    let wide = field.nullable.min <= field.versions.min && field.nullable.max >= field.versions.max;
    if wide {
        return quote!(true);
    }
    field.nullable.condition().unwrap_or_else(|| quote!(true))
}

fn write(described: &Described) -> TokenStream {
    let name = &described.kafka_name;
    let regular = described.fields.iter().filter(|field| field.tag.is_none()).map(|field| {
        let ident = &field.ident;
        let label = ident.to_string();
        let cx = context(field);
        let put = if field.inner.is_none() {
            quote!(::klamm_protocol::wire::Value::write(&self.#ident, writer, #cx)?;)
        } else {
            let nullable = nullable(field);
            quote!(::klamm_protocol::wire::write_nullable(&self.#ident, writer, #cx, #nullable)?;)
        };
        guarded(field, name, &quote!(writer.enter(#label); #put))
    });
    let has_tags = described.fields.iter().any(|field| field.tag.is_some());
    let mut known: Vec<_> = described.fields.iter().filter(|field| field.tag.is_some()).collect();
    known.sort_by_key(|field| field.tag);
    let known = known.into_iter().map(|field| {
        let ident = &field.ident;
        let label = ident.to_string();
        let tag = field.tag;
        let set = is_set(field);
        let put = if field.inner.is_none() {
            quote!(tags.put(#tag, #label, &self.#ident, cx)?;)
        } else {
            let nullable = nullable(field);
            quote!(tags.put_nullable(#tag, #label, &self.#ident, cx, #nullable)?;)
        };
        guarded(field, name, &quote!(if #set { #put }))
    });
    let tag_writer = has_tags.then(|| quote!(let mut tags = ::klamm_protocol::wire::TagWriter::new();));
    let finish = described.keeps_tags.then(|| {
        let tags = if has_tags { quote!(tags) } else { quote!(::klamm_protocol::wire::TagWriter::new()) };
        quote!(#tags.finish_if(cx, #name, writer, &self.unknown_tagged_fields)?;)
    });
    quote! {
        #[allow(unused_variables, reason = "not every struct depends on the version")]
        let version = cx.version;
        #(#regular)*
        #tag_writer
        #(#known)*
        #finish
        ::core::result::Result::Ok(())
    }
}

/// `put` in the versions that have the field; elsewhere an error if it is set and not ignorable.
fn guarded(field: &MessageField, message: &str, put: &TokenStream) -> TokenStream {
    let Some(condition) = field.versions.condition() else { return put.clone() };
    if field.ignorable {
        return quote!(if #condition { #put });
    }
    let set = is_set(field);
    let label = field.ident.to_string();
    quote! {
        if #condition {
            #put
        } else if #set {
            return ::core::result::Result::Err(::klamm_protocol::wire::unsupported_field(#message, #label, version));
        }
    }
}

/// An expression that is true if the field differs from its default.
fn is_set(field: &MessageField) -> TokenStream {
    let ident = &field.ident;
    match (&field.default, field.inner.is_some()) {
        (DefaultAttribute::Null, _) => quote!(self.#ident.is_some()),
        (DefaultAttribute::Zero, false) => quote!(!::klamm_protocol::wire::Value::is_zero(&self.#ident)),
        (DefaultAttribute::Zero, true) => {
            quote!(!self.#ident.as_ref().is_some_and(::klamm_protocol::wire::Value::is_zero))
        }
        _ => {
            let value = default_value(field);
            quote!(self.#ident != #value)
        }
    }
}

/// The field's default as an expression of its type.
fn default_value(field: &MessageField) -> TokenStream {
    let value = match &field.default {
        DefaultAttribute::Null => return quote!(::core::option::Option::None),
        DefaultAttribute::Zero => quote!(::core::default::Default::default()),
        DefaultAttribute::Text(text) => quote!(::klamm_protocol::StrBytes::from_static(#text)),
        DefaultAttribute::Value(value) => quote!(#value),
    };
    if field.inner.is_some() { quote!(::core::option::Option::Some(#value)) } else { value }
}

/// The field's `FieldSchema`.
fn schema(field: &MessageField) -> TokenStream {
    let MessageField { kafka_name, ignorable, inflexible, .. } = field;
    let ty = field.inner.as_ref().unwrap_or(&field.ty);
    let versions = field.versions.expression();
    let nullable = field.nullable.expression();
    let tag = match field.tag {
        Some(tag) => quote!(::core::option::Option::Some(#tag)),
        None => quote!(::core::option::Option::None),
    };
    let default = match &field.default {
        DefaultAttribute::Zero => quote!(Zero),
        DefaultAttribute::Null => quote!(Null),
        DefaultAttribute::Text(text) => quote!(String(#text)),
        DefaultAttribute::Value(value) if is_bool(value) => quote!(Bool(#value)),
        DefaultAttribute::Value(value) => quote!(Int(#value as i64)),
    };
    quote! {
        ::klamm_protocol::schema::FieldSchema {
            name: #kafka_name,
            field_type: <#ty as ::klamm_protocol::wire::Value>::TYPE,
            versions: #versions,
            nullable: #nullable,
            tag: #tag,
            default: ::klamm_protocol::schema::DefaultValue::#default,
            ignorable: #ignorable,
            inflexible: #inflexible,
        }
    }
}

fn is_bool(value: &syn::Expr) -> bool {
    matches!(value, syn::Expr::Lit(literal) if matches!(literal.lit, syn::Lit::Bool(_)))
}
