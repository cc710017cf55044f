// What etc/grafana/udpwatch.json must be. Grafana's Dashboard leaves the panels' options, field
// options and queries open (Record<string, unknown>): here each kind of panel has its own.
import type {
  AnnotationContainer, Dashboard, DashboardLink, FieldConfig, GridPos, RowPanel, VariableModel,
} from '@grafana/schema';
import type { PrometheusDataQuery } from '@grafana/schema/dist/esm/raw/composable/prometheus/dataquery/x/PrometheusDataQuery_types.gen';
import type * as heatmap from '@grafana/schema/dist/esm/raw/composable/heatmap/panelcfg/x/HeatmapPanelCfg_types.gen';
import type * as stat from '@grafana/schema/dist/esm/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen';
import type * as statetimeline from '@grafana/schema/dist/esm/raw/composable/statetimeline/panelcfg/x/StateTimelinePanelCfg_types.gen';
import type * as table from '@grafana/schema/dist/esm/raw/composable/table/panelcfg/x/TablePanelCfg_types.gen';
import type * as timeseries from '@grafana/schema/dist/esm/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen';

// A type as JSON has it: the value of an enum of strings, not its name.
type Json<T> = T extends string ? `${T}`
  : T extends number | boolean | null | undefined ? T
  : T extends Array<infer Item> ? Array<Json<Item>>
  : T extends object ? { [Key in keyof T]: Json<T[Key]> }
  : T;

type Field<Custom> = Omit<Json<FieldConfig>, 'custom' | 'links'> & { custom?: Partial<Json<Custom>> };

// What an override may set: a property of the field, or, as custom.NAME, one of the panel's kind.
type Property<Custom> =
  | { [Key in keyof Field<Custom> & string]-?: { id: Key; value: Required<Field<Custom>>[Key] } }[
      Exclude<keyof Field<Custom> & string, 'custom'>]
  | { [Key in keyof Custom & string]-?: { id: `custom.${Key}`; value: Json<Required<Custom>[Key]> } }[
      keyof Custom & string];

type Matcher = { id: 'byName' | 'byRegexp' | 'byFrameRefID'; options: string };

// Of the transformations the schema names none; these are the ones in use.
type Transformation =
  | { id: 'merge'; options: Record<string, never> }
  | { id: 'organize'; options: {
      excludeByName: Record<string, boolean>;
      indexByName: Record<string, number>;
      renameByName: Record<string, string>;
    } };

type Target = Omit<Json<PrometheusDataQuery>, 'datasource'>;

type PanelOf<Type extends string, Options, Custom> = {
  id: number;
  maxDataPoints?: number;
  type: Type;
  title: string;
  description: string;
  datasource: { type: 'prometheus'; uid: '${datasource}' };
  gridPos: Json<GridPos>;
  links?: Array<Json<DashboardLink>>;
  targets: Array<Target>;
  transformations?: Array<Transformation>;
  options: Json<Options>;
  fieldConfig: {
    defaults: Field<Custom>;
    overrides: Array<{ matcher: Matcher; properties: Array<Property<Custom>> }>;
  };
};

type Panel =
  | PanelOf<'heatmap', heatmap.Options, heatmap.FieldConfig>
  | PanelOf<'stat', stat.Options, {}>
  | PanelOf<'state-timeline', statetimeline.Options, statetimeline.FieldConfig>
  | PanelOf<'table', table.Options, table.FieldConfig>
  | PanelOf<'timeseries', timeseries.Options, timeseries.FieldConfig>;

type Row = Omit<Json<RowPanel>, 'panels'> & { panels: Array<Panel> };

type Variable = Omit<Json<VariableModel>, 'query'> & {
  query: string | { qryType: number; query: string; refId: string };
};

export type UdpwatchDashboard = Omit<Json<Dashboard>, 'annotations' | 'id' | 'panels' | 'templating'> & {
  uid: string;
  title: string;
  annotations: Json<AnnotationContainer>;
  panels: Array<Panel | Row>;
  templating: { list: Array<Variable> };
};
