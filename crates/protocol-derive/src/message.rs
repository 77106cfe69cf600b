//! The impls that messages have and nested structs have not.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::{Error, Result};

use crate::Described;
use crate::attributes::MessageAttribute;

/// `Message`, and `Request`, `Response` or `Record`.
pub(crate) fn expand(described: &Described, message: &MessageAttribute) -> Result<TokenStream> {
    let Described { ident, kafka_name, .. } = described;
    let versions = message.versions.expression();
    let flexible = message.flexible.expression();
    let listeners = &message.listeners;
    let latest_unstable = message.latest_unstable;
    let key = match message.key {
        Some(key) => quote!(::core::option::Option::Some(#key)),
        None => quote!(::core::option::Option::None),
    };
    let (kind, role) = role(described, message)?;
    let throttled = described.fields.iter().any(|field| field.ident == "throttle_time_ms").then(|| {
        quote! {
            fn throttle_time_ms(&self) -> i32 {
                self.throttle_time_ms
            }

            fn set_throttle_time_ms(&mut self, ms: i32) {
                self.throttle_time_ms = ms;
            }
        }
    });
    Ok(quote! {
        #[automatically_derived]
        impl ::klamm_protocol::Message for #ident {
            const NAME: &'static str = #kafka_name;
            const VERSIONS: ::klamm_protocol::VersionRange = #versions;
            const FLEXIBLE: ::klamm_protocol::VersionRange = #flexible;
            const SCHEMA: &'static ::klamm_protocol::schema::MessageSchema =
                &::klamm_protocol::schema::MessageSchema {
                    name: #kafka_name,
                    kind: ::klamm_protocol::schema::MessageKind::#kind,
                    key: #key,
                    versions: #versions,
                    flexible: #flexible,
                    listeners: &[#(::klamm_protocol::schema::Listener::#listeners),*],
                    latest_version_unstable: #latest_unstable,
                    root: Self::STRUCT,
                };
            #throttled
        }
        #role
    })
}

/// The variant of `MessageKind`, and the trait that goes with it.
fn role(described: &Described, message: &MessageAttribute) -> Result<(TokenStream, TokenStream)> {
    let ident = &described.ident;
    let name = ident.to_string();
    let Some(key) = message.key else { return Ok((quote!(Plain), TokenStream::new())) };
    if message.kind == "record" {
        let role = quote! {
            #[automatically_derived]
            impl ::klamm_protocol::Record for #ident { const KEY: i16 = #key; }
        };
        return Ok((quote!(Record), role));
    }
    // The number must be that of the API of the same name: a slip in either stops the build.
    let api_key = |api: &str| {
        let variant = format_ident!("{api}");
        quote! {
            const KEY: ::klamm_protocol::ApiKey = {
                assert!(::klamm_protocol::ApiKey::#variant as i16 == #key);
                ::klamm_protocol::ApiKey::#variant
            };
        }
    };
    if let Some(api) = name.strip_suffix("Request") {
        let key = api_key(api);
        let response = format_ident!("{api}Response");
        let role = quote! {
            #[automatically_derived]
            impl ::klamm_protocol::Request for #ident { #key type Response = #response; }
        };
        return Ok((quote!(Request), role));
    }
    if let Some(api) = name.strip_suffix("Response") {
        let key = api_key(api);
        let role = quote! {
            #[automatically_derived]
            impl ::klamm_protocol::Response for #ident { #key }
        };
        return Ok((quote!(Response), role));
    }
    Err(Error::new_spanned(ident, "an api message is called XxxRequest or XxxResponse"))
}
