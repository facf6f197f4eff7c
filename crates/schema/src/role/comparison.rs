//! `X_comparison_exp`: the operators of each type.

use graphloom_catalog::{PgType, ScalarKind};
use graphloom_graphql::TypeRef;
use graphloom_ir::Operator;
use graphloom_vocab::GraphqlName;
use indexmap::IndexMap;

use super::{SourceTypes, input};
use crate::scalar::scalar_name;
use crate::types::{InputMeaning, InputObjectType, InputValueDefinition, TypeDefinition};

type Fields = IndexMap<GraphqlName, InputValueDefinition>;

/// Operators of text types and what their descriptions say.
const TEXT: &[(Operator, &str)] = &[
    (Operator::Like, "does the column match the given pattern"),
    (
        Operator::Nlike,
        "does the column NOT match the given pattern",
    ),
    (
        Operator::Ilike,
        "does the column match the given case-insensitive pattern",
    ),
    (
        Operator::Nilike,
        "does the column NOT match the given case-insensitive pattern",
    ),
    (
        Operator::Similar,
        "does the column match the given SQL regular expression",
    ),
    (
        Operator::Nsimilar,
        "does the column NOT match the given SQL regular expression",
    ),
    (
        Operator::Regex,
        "does the column match the given POSIX regular expression, case sensitive",
    ),
    (
        Operator::Iregex,
        "does the column match the given POSIX regular expression, case insensitive",
    ),
    (
        Operator::Nregex,
        "does the column NOT match the given POSIX regular expression, case sensitive",
    ),
    (
        Operator::Niregex,
        "does the column NOT match the given POSIX regular expression, case insensitive",
    ),
];

/// Operators of geometry whose operand is a geometry.
const GEOMETRY: &[(Operator, &str)] = &[
    (
        Operator::StContains,
        "does the column contain the given geometry value",
    ),
    (
        Operator::StCrosses,
        "does the column cross the given geometry value",
    ),
    (
        Operator::StEquals,
        "is the column equal to given geometry value (directionality is ignored)",
    ),
    (
        Operator::StOverlaps,
        "does the column 'spatially overlap' (intersect but not completely contain) the given geometry value",
    ),
    (
        Operator::StTouches,
        "does the column have atleast one point in common with the given geometry value",
    ),
    (
        Operator::StWithin,
        "is the column contained in the given geometry value",
    ),
    (
        Operator::StIntersects,
        "does the column spatially intersect the given geometry value",
    ),
    (
        Operator::St3dIntersects,
        "does the column spatially intersect the given geometry value in 3D",
    ),
];

impl SourceTypes<'_> {
    /// The comparison type of a column type, made when first asked for.
    pub(super) fn comparison_type(&mut self, ty: &PgType) -> Option<TypeRef> {
        let element = ty.element();
        let scalar = scalar_name(element.unwrap_or(ty))?;
        let suffix = if element.is_some() {
            "array_comparison_exp"
        } else {
            "comparison_exp"
        };
        let name = self.naming().shared_type(scalar.as_str(), suffix);
        if !self.types.contains(&name) {
            // The name is taken before the fields are made: casts lead back here.
            let placeholder = self.comparison(&name, &scalar, Fields::new());
            self.types.add(placeholder);
            let fields = self.comparison_fields(ty, &scalar);
            let whole = self.comparison(&name, &scalar, fields);
            self.types.by_name.insert(name.clone(), whole);
        }
        Some(TypeRef::Named(name))
    }

    /// The comparison type of columns that refer to an enum table: equality only.
    pub(super) fn enum_comparison_type(&mut self, enum_type: &GraphqlName) -> TypeRef {
        let name = self
            .naming()
            .shared_type(enum_type.as_str(), "comparison_exp");
        if !self.types.contains(&name) {
            let value = TypeRef::Named(enum_type.clone());
            let list = value.clone().non_null().list();
            let mut fields = Fields::new();
            for operator in [Operator::Eq, Operator::Neq] {
                self.operator(&mut fields, operator, &value, None);
            }
            for operator in [Operator::In, Operator::Nin] {
                self.operator(&mut fields, operator, &list, None);
            }
            let is_null = input(None, TypeRef::named("Boolean"), InputMeaning::IsNull);
            fields.insert(self.naming().field("_is_null"), is_null);
            let whole = self.comparison(&name, enum_type, fields);
            self.types.add(whole);
        }
        TypeRef::Named(name)
    }

    fn comparison(
        &self,
        name: &GraphqlName,
        scalar: &GraphqlName,
        fields: Fields,
    ) -> TypeDefinition {
        let description = format!(
            "Boolean expression to compare columns of type \"{scalar}\". All fields are combined \
             with logical 'AND'."
        );
        TypeDefinition::InputObject(InputObjectType {
            name: name.clone(),
            description: Some(description.into()),
            fields,
        })
    }

    fn comparison_fields(&mut self, ty: &PgType, scalar: &GraphqlName) -> Fields {
        use Operator as O;
        use ScalarKind as K;
        let named = TypeRef::Named(scalar.clone());
        let value = if ty.element().is_some() {
            named.non_null().list()
        } else {
            named
        };
        let list = value.clone().non_null().list();
        let kind = ty.scalar_kind();
        let mut fields = Fields::new();
        for operator in [O::Eq, O::Neq] {
            self.operator(&mut fields, operator, &value, None);
        }
        for operator in [O::In, O::Nin] {
            self.operator(&mut fields, operator, &list, None);
        }
        let is_null = input(None, TypeRef::named("Boolean"), InputMeaning::IsNull);
        fields.insert(self.naming().field("_is_null"), is_null);
        if kind != K::Raster {
            for operator in [O::Gt, O::Gte, O::Lt, O::Lte] {
                self.operator(&mut fields, operator, &value, None);
            }
        }
        if kind.is_text() {
            self.operators(&mut fields, TEXT, &value);
        }
        if ty.element().is_some() {
            let contains = "does the array contain the given value";
            self.operator(&mut fields, O::Contains, &value, Some(contains));
            let contained = "is the array contained in the given array value";
            self.operator(&mut fields, O::ContainedIn, &value, Some(contained));
        }
        match kind {
            K::Jsonb => self.jsonb_fields(&mut fields, ty, &value),
            K::Geometry => self.geometry_fields(&mut fields, ty, &value),
            K::Geography => self.geography_fields(&mut fields, ty, &value),
            K::Raster => self.raster_fields(&mut fields, &value),
            K::Ltree => self.ltree_fields(&mut fields, &value, &list),
            _ => {}
        }
        fields
    }

    fn operators(&self, fields: &mut Fields, operators: &[(Operator, &str)], ty: &TypeRef) {
        for (operator, description) in operators {
            self.operator(fields, *operator, ty, Some(description));
        }
    }

    fn operator(
        &self,
        fields: &mut Fields,
        operator: Operator,
        ty: &TypeRef,
        description: Option<&str>,
    ) {
        let name = self.naming().field(operator.name());
        fields.insert(
            name,
            input(description, ty.clone(), InputMeaning::Operator(operator)),
        );
    }

    fn jsonb_fields(&mut self, fields: &mut Fields, ty: &PgType, value: &TypeRef) {
        use Operator as O;
        let text = TypeRef::named("String");
        let texts = text.clone().non_null().list();
        self.cast_field(fields, ty, PgType::builtin("text"));
        let contains = "does the column contain the given json value at the top level";
        self.operator(fields, O::Contains, value, Some(contains));
        let contained = "is the column contained in the given json value";
        self.operator(fields, O::ContainedIn, value, Some(contained));
        let key = "does the string exist as a top-level key in the column";
        self.operator(fields, O::HasKey, &text, Some(key));
        let any = "do any of these strings exist as top-level keys in the column";
        self.operator(fields, O::HasKeysAny, &texts, Some(any));
        let all = "do all of these strings exist as top-level keys in the column";
        self.operator(fields, O::HasKeysAll, &texts, Some(all));
    }

    fn geometry_fields(&mut self, fields: &mut Fields, ty: &PgType, value: &TypeRef) {
        self.cast_field(fields, ty, sibling(ty, "geography"));
        self.operators(fields, GEOMETRY, value);
        let within = self.d_within_type("st_d_within_input", value, false);
        let text = "is the column within a given distance from the given geometry value";
        self.operator(fields, Operator::StDWithin, &within, Some(text));
        let text = "is the column within a given 3D distance from the given geometry value";
        self.operator(fields, Operator::St3dDWithin, &within, Some(text));
    }

    fn geography_fields(&mut self, fields: &mut Fields, ty: &PgType, value: &TypeRef) {
        self.cast_field(fields, ty, sibling(ty, "geometry"));
        let text = "does the column spatially intersect the given geography value";
        self.operator(fields, Operator::StIntersects, value, Some(text));
        let within = self.d_within_type("st_d_within_geography_input", value, true);
        let text = "is the column within a given distance from the given geography value";
        self.operator(fields, Operator::StDWithin, &within, Some(text));
    }

    fn raster_fields(&mut self, fields: &mut Fields, value: &TypeRef) {
        use Operator as O;
        self.operator(fields, O::StIntersectsRast, value, None);
        let nband_first = self.raster_type("st_intersects_nband_geom_input", true);
        self.operator(fields, O::StIntersectsNbandGeom, &nband_first, None);
        let geometry_first = self.raster_type("st_intersects_geom_nband_input", false);
        self.operator(fields, O::StIntersectsGeomNband, &geometry_first, None);
    }

    fn ltree_fields(&mut self, fields: &mut Fields, value: &TypeRef, list: &TypeRef) {
        use Operator as O;
        let text = "is the left argument an ancestor of right (or equal)?";
        self.operator(fields, O::Ancestor, value, Some(text));
        let text = "does array contain an ancestor of `ltree`?";
        self.operator(fields, O::AncestorAny, list, Some(text));
        let text = "is the left argument a descendant of right (or equal)?";
        self.operator(fields, O::Descendant, value, Some(text));
        let text = "does array contain a descendant of `ltree`?";
        self.operator(fields, O::DescendantAny, list, Some(text));
        let lquery = TypeRef::named("lquery");
        self.operator(
            fields,
            O::Matches,
            &lquery,
            Some("does `ltree` match `lquery`?"),
        );
        let texts = TypeRef::named("String").non_null().list();
        let text = "does `ltree` match any `lquery` in array?";
        self.operator(fields, O::MatchesAny, &texts, Some(text));
        let ltxtquery = TypeRef::named("ltxtquery");
        self.operator(
            fields,
            O::MatchesFulltext,
            &ltxtquery,
            Some("does `ltree` match `ltxtquery`?"),
        );
    }

    /// `_cast: {X: X_comparison_exp}`.
    fn cast_field(&mut self, fields: &mut Fields, from: &PgType, to: PgType) {
        let (Some(from), Some(target)) = (scalar_name(from), scalar_name(&to)) else {
            return;
        };
        let Some(comparison) = self.comparison_type(&to) else {
            return;
        };
        let name = self.naming().shared_type(from.as_str(), "cast_exp");
        let inner = input(None, comparison, InputMeaning::CastTo(to));
        self.types.add(TypeDefinition::InputObject(InputObjectType {
            name: name.clone(),
            description: None,
            fields: Fields::from([(target, inner)]),
        }));
        let cast = input(None, TypeRef::Named(name), InputMeaning::Cast);
        fields.insert(GraphqlName::new("_cast"), cast);
    }

    fn d_within_type(&mut self, name: &str, value: &TypeRef, spheroid: bool) -> TypeRef {
        let name = GraphqlName::new(name);
        let distance = TypeRef::named("Float").non_null();
        let mut fields = Fields::from([
            (
                GraphqlName::new("distance"),
                input(None, distance, InputMeaning::Distance),
            ),
            (
                GraphqlName::new("from"),
                input(None, value.clone().non_null(), InputMeaning::From),
            ),
        ]);
        if spheroid {
            let mut field = input(None, TypeRef::named("Boolean"), InputMeaning::UseSpheroid);
            field.default = Some("true".into());
            fields.insert(GraphqlName::new("use_spheroid"), field);
        }
        let ty = InputObjectType {
            name: name.clone(),
            description: None,
            fields,
        };
        self.types.add(TypeDefinition::InputObject(ty));
        TypeRef::Named(name)
    }

    fn raster_type(&mut self, name: &str, nband_required: bool) -> TypeRef {
        let name = GraphqlName::new(name);
        let int = TypeRef::named("Int");
        let int = if nband_required { int.non_null() } else { int };
        let geometry = TypeRef::named("geometry").non_null();
        let fields = Fields::from([
            (
                GraphqlName::new("geommin"),
                input(None, geometry, InputMeaning::Geommin),
            ),
            (
                GraphqlName::new("nband"),
                input(None, int, InputMeaning::Nband),
            ),
        ]);
        let ty = InputObjectType {
            name: name.clone(),
            description: None,
            fields,
        };
        self.types.add(TypeDefinition::InputObject(ty));
        TypeRef::Named(name)
    }
}

/// Another type of the same extension.
fn sibling(ty: &PgType, name: &str) -> PgType {
    PgType {
        name: name.into(),
        oid: 0,
        ..ty.base().clone()
    }
}
