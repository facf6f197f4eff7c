//! `X_comparison_exp`: operators and their operands as parameters.

use std::sync::Arc;

use graphloom_catalog::{PgType, ScalarKind};
use graphloom_graphql::TypeRef;
use graphloom_ir::{BoolExp, Coercion, Comparison, Nullness, Operand, Operator, TypedValue, Value};
use graphloom_schema::{InputMeaning, InputObjectType, InputValueDefinition, NullOperands};
use graphloom_vocab::{GraphqlName, Result};

use crate::binder::Binder;
use crate::input::InputRef;

impl<'a> Binder<'a> {
    /// All operators given for one column.
    pub(crate) fn comparisons(
        &mut self,
        value: InputRef<'a>,
        type_name: &GraphqlName,
        operand: &Operand,
    ) -> Result<BoolExp> {
        let fields = self.object(value, type_name)?;
        let ty = self.input_type(type_name);
        let mut parts = Vec::with_capacity(fields.len());
        for (key, value) in fields {
            let Some(definition) = ty.fields.get(key.as_str()) else {
                continue;
            };
            self.count_field()?;
            parts.extend(self.within(&key, |binder| {
                let value = binder.peel(value, &definition.ty, false)?;
                if binder.is_dropped(definition, &value) {
                    return Ok(None);
                }
                binder.comparison(definition, value, operand).map(Some)
            })?);
        }
        Ok(if parts.len() == 1 {
            parts.remove(0)
        } else {
            BoolExp::And(parts)
        })
    }

    /// Whether the operator counts as not given (`HASURA_GRAPHQL_V1_BOOLEAN_NULL_COLLAPSE`).
    fn is_dropped(&mut self, definition: &InputValueDefinition, value: &InputRef<'a>) -> bool {
        self.schema.null_operands == NullOperands::Dropped
            && !matches!(definition.meaning, InputMeaning::Cast)
            && self.is_null(value)
    }

    fn input_type(&self, name: &GraphqlName) -> &'a InputObjectType {
        let schema = self.schema;
        schema
            .input_object(name)
            .expect("input types are in the role's schema")
    }

    fn comparison(
        &mut self,
        definition: &'a InputValueDefinition,
        value: InputRef<'a>,
        operand: &Operand,
    ) -> Result<BoolExp> {
        if matches!(definition.meaning, InputMeaning::Cast) {
            return self.casts(value, definition.ty.name(), operand);
        }
        let ty = operand.cast.as_ref().unwrap_or_else(|| operand.ty());
        let comparison = self.plain_comparison(definition, value, ty)?;
        Ok(BoolExp::column(operand.clone(), comparison))
    }

    /// All operators given for a value of this type; for values that take no casts.
    pub(crate) fn tests(
        &mut self,
        value: InputRef<'a>,
        type_name: &GraphqlName,
        pg_type: &PgType,
    ) -> Result<Vec<Comparison>> {
        let fields = self.object(value, type_name)?;
        let ty = self.input_type(type_name);
        let mut tests = Vec::with_capacity(fields.len());
        for (key, value) in fields {
            let Some(definition) = ty.fields.get(key.as_str()) else {
                continue;
            };
            tests.extend(self.within(&key, |binder| {
                let value = binder.peel(value, &definition.ty, false)?;
                if binder.is_dropped(definition, &value) {
                    return Ok(None);
                }
                binder
                    .plain_comparison(definition, value, pg_type)
                    .map(Some)
            })?);
        }
        Ok(tests)
    }

    fn plain_comparison(
        &mut self,
        definition: &'a InputValueDefinition,
        value: InputRef<'a>,
        ty: &PgType,
    ) -> Result<Comparison> {
        match &definition.meaning {
            InputMeaning::IsNull => {
                let location = TypeRef::named("Boolean");
                let flag = self.boolean(value, &location)?;
                Ok(Comparison::IsNull(if flag {
                    Nullness::Null
                } else {
                    Nullness::NotNull
                }))
            }
            InputMeaning::Operator(operator) => self.operator(*operator, definition, value, ty),
            // Every other meaning is of fields of other input types.
            _ => self.fail("this field cannot be used here"),
        }
    }

    fn casts(
        &mut self,
        value: InputRef<'a>,
        type_name: &GraphqlName,
        operand: &Operand,
    ) -> Result<BoolExp> {
        let fields = self.object(value, type_name)?;
        let ty = self.input_type(type_name);
        let mut parts = Vec::new();
        for (key, value) in fields {
            let Some(definition) = ty.fields.get(key.as_str()) else {
                continue;
            };
            let InputMeaning::CastTo(target) = &definition.meaning else {
                continue;
            };
            let operand = operand.cast_to(target.clone());
            parts.push(self.within(&key, |binder| {
                let value = binder.peel(value, &definition.ty, false)?;
                binder.comparisons(value, definition.ty.name(), &operand)
            })?);
        }
        Ok(BoolExp::And(parts))
    }

    fn operator(
        &mut self,
        operator: Operator,
        definition: &'a InputValueDefinition,
        value: InputRef<'a>,
        ty: &PgType,
    ) -> Result<Comparison> {
        use Operator as O;
        let ty = ty.base().clone();
        let graphql_type = definition.ty.name();
        let text = PgType::builtin("text");
        let value = match operator {
            O::StDWithin | O::St3dDWithin => {
                return self.d_within(operator, &ty, graphql_type, value);
            }
            O::StIntersectsNbandGeom | O::StIntersectsGeomNband => {
                return self.raster_band(operator, &ty, graphql_type, value);
            }
            O::In | O::Nin | O::AncestorAny | O::DescendantAny => {
                self.list_value(&value, ty, definition)?
            }
            O::HasKeysAny | O::HasKeysAll => self.list_value(&value, text, definition)?,
            O::MatchesAny => self.list_value(&value, sibling(&ty, "lquery"), definition)?,
            // v2 takes null here; it is then no key of anything.
            O::HasKey => self.nullable_value(&value, &text, graphql_type)?,
            O::Matches => self.column_value(&value, &sibling(&ty, "lquery"), graphql_type)?,
            O::MatchesFulltext => {
                self.column_value(&value, &sibling(&ty, "ltxtquery"), graphql_type)?
            }
            _ => self.column_value(&value, &ty, graphql_type)?,
        };
        Ok(Comparison::Value(operator, value))
    }

    /// A list as one array parameter. Null elements are refused, as `[T!]` says.
    fn list_value(
        &mut self,
        value: &InputRef<'a>,
        element: PgType,
        definition: &'a InputValueDefinition,
    ) -> Result<TypedValue> {
        if self.is_null(value) {
            return self.fail("expected a list, but found null");
        }
        let graphql_type = definition.ty.name();
        self.refuse_null_elements(value, &definition.ty)?;
        let ty = PgType::list_of(element.clone());
        let graphql_type: Arc<str> = graphql_type.as_str().into();
        let coercion = match self.enum_values(&graphql_type) {
            Some(values) => {
                self.refuse_enum_literals(value, &graphql_type)?;
                Coercion::EnumList {
                    graphql_type,
                    values,
                }
            }
            None => Coercion::List {
                element,
                graphql_type,
            },
        };
        self.parameter(value, ty, coercion)
    }

    fn refuse_null_elements(&mut self, value: &InputRef<'a>, list_type: &TypeRef) -> Result<()> {
        use graphloom_graphql::Value as Literal;
        let graphql_type = list_type.name();
        let position = match value {
            InputRef::Literal(Literal::List(items)) => {
                for (index, item) in items.iter().enumerate() {
                    if let Literal::Variable(_) = item {
                        // An element that is a variable must be declared as one.
                        let TypeRef::List(location) = list_type.nullable() else {
                            continue;
                        };
                        self.within_index(index, |binder| {
                            binder
                                .peel(InputRef::Literal(item), location, false)
                                .map(drop)
                        })?;
                    }
                }
                items.iter().position(|item| matches!(item, Literal::Null))
            }
            InputRef::Variable { value, .. } => {
                // Later requests are checked where the list becomes a parameter: NULL elements
                // match nothing there, so only this refusal's wording is lost.
                let items = value.as_array().map_or(&[][..], Vec::as_slice);
                items.iter().position(graphloom_vocab::Json::is_null)
            }
            InputRef::Literal(_) => None,
        };
        match position {
            None => Ok(()),
            Some(index) => self.within_index(index, |binder| {
                binder.fail(format!("unexpected null value for type '{graphql_type}'"))
            }),
        }
    }

    fn d_within(
        &mut self,
        operator: Operator,
        ty: &PgType,
        type_name: &GraphqlName,
        value: InputRef<'a>,
    ) -> Result<Comparison> {
        let mut parts = self.parts(value, type_name)?;
        let distance = parts.required(self, "distance", &PgType::builtin("float8"))?;
        let from = parts.required(self, "from", ty)?;
        let use_spheroid = match ty.scalar_kind() {
            ScalarKind::Geography => {
                let given = parts.optional(self, "use_spheroid", &PgType::builtin("bool"))?;
                Some(given.unwrap_or_else(|| TypedValue {
                    value: Value::Literal(Some("true".into())),
                    ty: PgType::builtin("bool"),
                }))
            }
            _ => None,
        };
        Ok(Comparison::DWithin {
            operator,
            distance,
            from,
            use_spheroid,
        })
    }

    fn raster_band(
        &mut self,
        operator: Operator,
        ty: &PgType,
        type_name: &GraphqlName,
        value: InputRef<'a>,
    ) -> Result<Comparison> {
        let mut parts = self.parts(value, type_name)?;
        let int = PgType::builtin("int4");
        let nband = match operator {
            Operator::StIntersectsNbandGeom => Some(parts.required(self, "nband", &int)?),
            _ => parts.optional(self, "nband", &int)?,
        };
        let geommin = parts.required(self, "geommin", &sibling(ty, "geometry"))?;
        Ok(Comparison::RasterBand {
            operator,
            nband,
            geommin,
        })
    }

    fn parts(&mut self, value: InputRef<'a>, type_name: &GraphqlName) -> Result<Parts<'a>> {
        let fields = self.object(value, type_name)?;
        Ok(Parts {
            fields,
            ty: self.input_type(type_name),
        })
    }
}

/// The fields of an operand that is an object.
struct Parts<'a> {
    fields: Vec<(String, InputRef<'a>)>,
    ty: &'a InputObjectType,
}

impl<'a> Parts<'a> {
    fn required(&mut self, binder: &mut Binder<'a>, key: &str, ty: &PgType) -> Result<TypedValue> {
        match self.optional(binder, key, ty)? {
            Some(value) => Ok(value),
            None => binder.within(key, |binder| {
                binder.fail(format!("missing required field '{key}'"))
            }),
        }
    }

    fn optional(
        &mut self,
        binder: &mut Binder<'a>,
        key: &str,
        ty: &PgType,
    ) -> Result<Option<TypedValue>> {
        let Some(index) = self.fields.iter().position(|(name, _)| name == key) else {
            return Ok(None);
        };
        let (_, value) = self.fields.swap_remove(index);
        let definition = self
            .ty
            .fields
            .get(key)
            .expect("the object's keys have been checked");
        binder.within(key, |binder| {
            let has_default = definition.default.is_some();
            let value = binder.peel(value, &definition.ty, has_default)?;
            binder
                .column_value(&value, ty, definition.ty.name())
                .map(Some)
        })
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
