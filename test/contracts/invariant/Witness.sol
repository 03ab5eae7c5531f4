// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {INodeRegistry} from "../../../contracts/interfaces/INodeRegistry.sol";
import {ITaskConsensus} from "../../../contracts/interfaces/ITaskConsensus.sol";
import {Vm} from "../base/TestBase.sol";
import {Model} from "./model/Model.sol";

/// @title Statistics from the contracts' events, and from nothing else
/// @notice What someone who only reads the log would believe.
contract Witness {
    struct Story {
        uint256 queued;
        uint256 started;
        uint256 ends;
        uint256 paidWei;
        uint256 refundedWei;
    }

    mapping(bytes32 taskId => Story) private _stories;
    mapping(ITaskConsensus.AbortReason => uint256) public aborts;
    uint256 public queued;
    uint256 public completed;
    uint256 public aborted;
    uint256 public silent;
    uint256 public cheated;
    uint256 public faulted;
    uint256 public missed;
    uint256 public penalisedWei;
    uint256 public slashedWei;
    /// @notice Payments to a membership out of the very task that it was slashed for.
    uint256 public paidToSlashed;

    Model private immutable _MODEL;

    constructor(Model model) {
        _MODEL = model;
    }

    function storyOf(bytes32 taskId) external view returns (Story memory) {
        return _stories[taskId];
    }

    function read(Vm.Log[] calldata logs) external {
        for (uint256 i = 0; i < logs.length; ++i) {
            _read(logs[i].topics, logs[i].data);
        }
    }

    function _read(bytes32[] calldata topics, bytes calldata data) private {
        bytes32 name = topics[0];
        bytes32 taskId = topics.length > 1 ? topics[1] : bytes32(0);
        if (name == ITaskConsensus.TaskQueued.selector) {
            ++queued;
            ++_stories[taskId].queued;
        } else if (name == ITaskConsensus.TaskStarted.selector) {
            ++_stories[bytes32(data[:32])].started;
        } else if (name == ITaskConsensus.NodePaid.selector) {
            _stories[taskId].paidWei += uint256(bytes32(data[32:64]));
            if (_MODEL.slashedHere(taskId, address(uint160(uint256(topics[2]))))) ++paidToSlashed;
        } else if (name == ITaskConsensus.TaskCompleted.selector) {
            ++completed;
            ++_stories[taskId].ends;
        } else if (name == ITaskConsensus.TaskAborted.selector) {
            ++aborted;
            ++aborts[ITaskConsensus.AbortReason(uint256(bytes32(data[:32])))];
            ++_stories[taskId].ends;
            _stories[taskId].refundedWei += uint256(bytes32(data[32:64]));
        } else if (name == ITaskConsensus.NodeSilent.selector) {
            ++silent;
        } else if (name == ITaskConsensus.NodeCheated.selector) {
            ++cheated;
        } else if (name == ITaskConsensus.UploadFaulted.selector) {
            ++faulted;
        } else if (name == ITaskConsensus.UploadMissed.selector) {
            ++missed;
        } else if (name == INodeRegistry.NodePenalised.selector) {
            penalisedWei += uint256(bytes32(data[:32]));
        } else if (name == INodeRegistry.NodeSlashed.selector) {
            slashedWei += uint256(bytes32(data[:32]));
        }
    }
}
