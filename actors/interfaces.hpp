// All typed interfaces of the actors, beside one another.
#pragma once

#include "actors/type_ids.hpp"

namespace autotune {

/// Whoever writes to the store.
using StoreClient = caf::typed_actor<
    // From the store.
    caf::result<void>(Stored)>;

/// The STORE actor: the database and its one writer.
using StoreActor = caf::typed_actor<
    // Make this durable; Stored comes back when it is.
    caf::result<void>(Write),
    // INTERNAL: one commit for all that has gathered.
    caf::result<void>(atom::tick),
    // INTERNAL: is there room again?
    caf::result<void>(atom::poll),
    // Write what has gathered, then end.
    caf::result<void>(atom::shut_down)>;

/// Where supervisors send reports: the metrics sink, or the uplink to a head that has it.
using ReportsActor = caf::typed_actor<
    // Make these durable; ReportsStored comes back when they are.
    caf::result<void>(pb::ReportsMessage)>;

/// The METRICS SINK actor: batches of reports to the store, acknowledged.
using MetricsSinkActor = caf::typed_actor<
    // An experiment wants to hear of its stored reports.
    caf::result<void>(Subscribe),
    // From a supervisor: store these and tell me, then their experiment.
    caf::result<void>(pb::ReportsMessage),
    // From the store.
    caf::result<void>(Stored)>;

/// The TUNER actor: a Tuner and an Assessor of one experiment.
using TunerActor = caf::typed_actor<
    // Suggest parameters for a trial.
    caf::result<void>(AskTuner),
    // A trial runs, without a result.
    caf::result<void>(TrialBegan),
    // A trial has ended.
    caf::result<void>(TrialOver),
    // After a replay, first of all: the trials that have ended.
    caf::result<void>(TrialsBefore),
    // A running trial has a new intermediate result.
    caf::result<void>(Measured),
    // Its experiment came to rest, or goes on: a program needs to run only in between.
    caf::result<void>(TunerRests),
    // INTERNAL: the tuner's program printed a line, or ended.
    caf::result<void>(ProgramSaid),
    // INTERNAL: time passed.
    caf::result<void>(atom::tick)>;

/// The PLACEMENT actor: nodes, what is free on them, and why something waits.
using PlacementActor = caf::typed_actor<
    // A place for a trial, all of its replicas or none.
    caf::result<void>(PlaceTrial),
    // The trial needs its place no longer.
    caf::result<void>(UnplaceTrial),
    // From an experiment that was replayed: what it holds. From control, when one has ended: nothing.
    caf::result<void>(HoldPlaces),
    // From whoever speaks with a node's agent: it joined, or came again.
    caf::result<void>(NodeJoined),
    // It is ready, is being drained, or cannot be reached.
    caf::result<void>(NodeStateChanged),
    // It left for good.
    caf::result<void>(NodeGone),
    // All nodes, for `get nodes`.
    caf::result<NodeViews>(atom::nodes),
    // INTERNAL: a node has rested.
    caf::result<void>(NodeRested)>;

/// The TRIAL SUPERVISOR actor: one attempt of one trial on one node.
using TrialSupervisorActor = caf::typed_actor<
    // From the node agent: the attempt is prepared, refused, or was found running.
    caf::result<void>(Prepared),
    // From the node agent: a replica started or ended.
    caf::result<void>(ReplicaEvent),
    // From the node agent: what a replica reported.
    caf::result<void>(ReportsRead),
    // From the metrics sink: that many are durable.
    caf::result<void>(ReportsStored),
    // End the attempt.
    caf::result<void>(StopAttemptRequest),
    // The attempt's result is durable.
    caf::result<void>(ReleaseAttempt),
    // INTERNAL: time passed.
    caf::result<void>(atom::tick)>;

/// Where experiments have attempts run: the node agent of this machine, or the nodes of a cluster.
using AttemptsActor = caf::typed_actor<
    // Run (or find) this attempt.
    caf::result<void>(LaunchAttempt),
    // End it.
    caf::result<void>(StopAttemptRequest),
    // Its result is durable.
    caf::result<void>(ReleaseAttempt)>;

/// The NODE AGENT actor: this machine's launcher and trial supervisors.
using NodeAgentActor = caf::typed_actor<
    // From an experiment: run (or find) this attempt.
    caf::result<void>(LaunchAttempt),
    // From an experiment: end it.
    caf::result<void>(StopAttemptRequest),
    // From an experiment: its result is durable.
    caf::result<void>(ReleaseAttempt),
    // From a supervisor.
    caf::result<void>(StartReplica),
    // From a supervisor.
    caf::result<void>(StopReplica),
    // From a supervisor.
    caf::result<void>(ReadReports),
    // From the uplink: what runs here may go on for so long.
    caf::result<void>(RenewLease),
    // INTERNAL: the launcher has news.
    caf::result<void>(atom::poll),
    // INTERNAL: the next launch that waits may have its turn.
    caf::result<void>(atom::next),
    // INTERNAL: time passed.
    caf::result<void>(atom::tick)>;

/// The EXPERIMENT actor: one experiment's trials, from first ask to last exit.
using ExperimentActor = caf::typed_actor<
    // From control, for a user: submit, stop, pause, resume, enqueue, edit; ping goes on after a replay.
    caf::result<pb::ControlResponse>(pb::ControlRequest),
    // From the tuner.
    caf::result<void>(Suggested),
    // From the tuner's assessor.
    caf::result<void>(StopAdvised),
    // From placement.
    caf::result<void>(Placed),
    // From placement: not yet, and why.
    caf::result<void>(Waiting),
    // From a supervisor: its attempt started, restarted a replica, ...
    caf::result<void>(pb::AttemptNews),
    // From a supervisor: its attempt ended.
    caf::result<void>(pb::AttemptResult),
    // From the metrics sink: these reports are durable.
    caf::result<void>(pb::ReportsMessage),
    // From the store.
    caf::result<void>(Stored),
    // From the store: room on the disk went or came back.
    caf::result<void>(DiskFull),
    // From its storage meter.
    caf::result<void>(StorageUsed),
    // INTERNAL: time passed.
    caf::result<void>(atom::tick)>;

/// The STORAGE METER actor: how much an experiment with a quota has stored.
using StorageMeterActor = caf::typed_actor<
    // INTERNAL: measure now, and again later.
    caf::result<void>(atom::tick)>;

/// The NODES actor: the agents of other machines, as the experiments and placement see them.
using NodesActor = caf::typed_actor<
    // From an experiment: run (or find) this attempt.
    caf::result<void>(LaunchAttempt),
    // From an experiment: end it.
    caf::result<void>(StopAttemptRequest),
    // From an experiment: its result is durable.
    caf::result<void>(ReleaseAttempt),
    // From control: what an agent said.
    caf::result<void>(NodeSaid),
    // From the metrics sink: the oldest reports that were handed to it are durable.
    caf::result<void>(ReportsStored),
    // From control: their folders are to go.
    caf::result<void>(ExperimentDeleted),
    // From control: list_nodes and drain.
    caf::result<pb::ControlResponse>(pb::ControlRequest),
    // INTERNAL: time passed.
    caf::result<void>(atom::tick)>;

/// The QUERY actor: answers out of the store what command lines ask, and tells watchers what happens.
using QueryActor = caf::typed_actor<
    // From control, for whoever asked it: a page of what is known.
    caf::result<pb::QueryAnswer>(pb::Query),
    // From control, for whoever asked it: events beyond a number, now or once there are some.
    caf::result<pb::EventBatch>(pb::Watch),
    // From the bell: an experiment that is watched has new events.
    caf::result<void>(EventsStored),
    // INTERNAL: time passed.
    caf::result<void>(atom::tick)>;

/// What command lines and other programs see of control, on this machine or another: connect_control_service.
using ControlService = caf::typed_actor<
    // Submit, command (stop, pause, resume, delete), enqueue, edit, ping, list_nodes, drain.
    caf::result<pb::ControlResponse>(pb::ControlRequest),
    // Experiments, trials, reports, events, logs: a page of them.
    caf::result<pb::QueryAnswer>(pb::Query),
    // An experiment's events beyond a number: those that are stored, else the next ones. To go on, ask again.
    caf::result<pb::EventBatch>(pb::Watch)>;

/// What agents of other machines see of control.
using ControlEndpoint = caf::typed_actor<
    // Submit, command, enqueue, edit, ping, list_nodes, drain.
    caf::result<pb::ControlResponse>(pb::ControlRequest),
    // From the uplink of an agent.
    caf::result<void>(pb::NodeFrame)>;

/// The CONTROL actor: the endpoint. Submit, command, query, watch; another CAF system can talk to it.
using ControlActor = caf::typed_actor<
    // Submit, command, enqueue, edit, ping, list_nodes, drain.
    caf::result<pb::ControlResponse>(pb::ControlRequest),
    // Experiments, trials, reports, events, logs: a page of them.
    caf::result<pb::QueryAnswer>(pb::Query),
    // An experiment's events beyond a number: those that are stored, else the next ones. To go on, ask again.
    caf::result<pb::EventBatch>(pb::Watch),
    // From the uplink of an agent on another machine.
    caf::result<void>(pb::NodeFrame),
    // From the store: room on the disk went or came back.
    caf::result<void>(DiskFull),
    // INTERNAL: put away what is at rest.
    caf::result<void>(atom::tick),
    // Everything ends in order.
    caf::result<void>(atom::shut_down)>;

/// The UPLINK actor: an agent's line to its head; to supervisors it is their experiment and their metrics sink.
using UplinkActor = caf::typed_actor<
    // Once: the agent whose line this is.
    caf::result<void>(ServeNode),
    // From the connector: the head was found, or not.
    caf::result<void>(HeadFound),
    // From the head.
    caf::result<void>(pb::NodeFrame),
    // From a supervisor: its attempt started, restarted a replica, ...
    caf::result<void>(pb::AttemptNews),
    // From a supervisor: its attempt ended.
    caf::result<void>(pb::AttemptResult),
    // From a supervisor: store these and tell me.
    caf::result<void>(pb::ReportsMessage),
    // INTERNAL: time for a heartbeat.
    caf::result<void>(atom::tick)>;

/// The CONNECTOR actor: looks for the head.
using ConnectorActor = caf::typed_actor<
    // From the uplink: look for it until it is found.
    caf::result<void>(atom::poll)>;

}  // namespace autotune
