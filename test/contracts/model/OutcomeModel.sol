// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {INodeRegistry} from "../../../contracts/interfaces/INodeRegistry.sol";
import {ITaskConsensus} from "../../../contracts/interfaces/ITaskConsensus.sol";

/// @notice Protocol §5 written out: a table to look verdicts up in, and the amounts as numbers. Nothing is judged here, and
/// nothing is shared with the contracts but the names of states.
/// @dev For a fee of 30 CNX and 1 wei, stakes of 400 CNX, 2 % penalty and 20 % of the fee for an agreed error.
library OutcomeModel {
    uint256 internal constant FEE = 30 ether + 1;
    uint256 internal constant STAKE = 400 ether;
    uint256 internal constant STAKE_AFTER_PENALTY = 392 ether;
    uint256 internal constant PENALTY = 8 ether;
    uint256 internal constant NOBODY = 3;

    /// @dev Three columns. What the three said, in any order; how the task ends; what becomes of each.
    ///
    /// Said: A, B, C are results that differ (any letters, as long as equal results have equal ones); 1, 2, 3 are the
    /// errors; `-` is silence; `.` committed, but never had the chance to reveal because nobody else committed.
    /// Ends: S succeeds; N aborted, no two agree; F aborted, fewer than two spoke; 1, 2, 3 aborted with that error.
    /// Becomes: P paid; f freed, unpaid; s penalised and paused; X loses its stake.
    // forgefmt: disable-start
    bytes internal constant ROWS =
        // Two of three suffice.
        "AAA S PPP|" "AAB S PPX|" "AA- S PPs|"
        // The arguments were fine: 1 is a lie. What the network did to one node is none.
        "AA1 S PPX|" "AA2 S PPf|" "AA3 S PPf|"
        // Nobody knows who is right.
        "ABC N fff|" "AB- N ffs|" "AB1 N fff|" "AB2 N fff|" "AB3 N fff|"
        "A1- N ffs|" "A2- N ffs|" "A3- N ffs|" "A12 N fff|" "A13 N fff|" "A23 N fff|"
        "123 N fff|" "12- N ffs|" "13- N ffs|" "23- N ffs|"
        // Too few spoke. One that could not reveal is not silent.
        "A-- F fss|" "1-- F fss|" "2-- F fss|" "3-- F fss|" "--- F sss|" ".-- F fss|"
        // An error is agreed.
        "111 1 PPP|" "222 2 PPP|" "333 3 PPP|" "11- 1 PPs|" "22- 2 PPs|" "33- 3 PPs|"
        // A result of arguments that are none is a lie; one of arguments that others could not fetch is good luck.
        "A11 1 XPP|" "A22 2 fPP|" "A33 3 fPP|"
        // Another error than two others.
        "112 1 PPf|" "113 1 PPf|" "221 2 PPf|" "223 2 PPf|" "331 3 PPf|" "332 3 PPf|";
    // forgefmt: disable-end
    uint256 private constant _ROW_BYTES = 10;

    struct Row {
        bytes1 ending;
        bytes1[3] fates;
    }

    /// @dev Everything that can be seen from outside. `uploader` is a slot, or NOBODY.
    struct Expected {
        ITaskConsensus.State state;
        ITaskConsensus.AbortReason reason;
        uint256 uploader;
        INodeRegistry.Status[3] status;
        uint256[3] stakeWei;
        uint256[3] balanceWei;
        uint256 refundWei;
        uint256 poolWei;
        uint256 escrowWei;
        uint8[3] queue; // who is to upload, one after the other
        uint256 queued;
        uint256 missed;
    }

    /// @notice How many rows fit what three nodes said, and the last of them.
    function find(bytes3 said) internal pure returns (Row memory row, uint256 found) {
        bytes memory rows = ROWS;
        uint8[3][6] memory orders = permutations();
        for (uint256 at = 0; at < rows.length; at += _ROW_BYTES) {
            for (uint256 i = 0; i < 6; ++i) {
                if (!_fits(rows, at, said, orders[i])) continue;
                row.ending = rows[at + 4];
                for (uint256 k = 0; k < 3; ++k) {
                    row.fates[orders[i][k]] = rows[at + 6 + k];
                }
                ++found;
                break;
            }
        }
    }

    /// @dev Whether the row's letters are those of the slots in this order, with its results renamed.
    function _fits(bytes memory rows, uint256 at, bytes3 said, uint8[3] memory order) private pure returns (bool) {
        bytes memory renamed = new bytes(3);
        for (uint256 k = 0; k < 3; ++k) {
            bytes1 letter = rows[at + k];
            bytes1 word = said[order[k]];
            bool result = letter == "A" || letter == "B" || letter == "C";
            if (result != (word == "A" || word == "B" || word == "C")) return false;
            if (!result && letter != word) return false;
            renamed[k] = word;
            for (uint256 j = 0; result && j < k; ++j) {
                if ((rows[at + j] == letter) != (renamed[j] == word)) return false;
            }
        }
        return true;
    }

    /// @notice The six orders of three slots.
    function permutations() internal pure returns (uint8[3][6] memory) {
        return
            [[uint8(0), 1, 2], [uint8(0), 2, 1], [uint8(1), 0, 2], [uint8(1), 2, 0], [uint8(2), 0, 1], [uint8(2), 1, 0]];
    }

    /// @notice The world after the verdict, for nodes that committed in this order.
    function verdict(Row memory row, uint8[3] memory order) internal pure returns (Expected memory e) {
        bool success = row.ending == "S";
        for (uint256 i = 0; i < 3; ++i) {
            if (row.fates[order[i]] == "P") e.queue[e.queued++] = order[i];
        }
        uint256 shareWei =
            success ? (e.queued == 3 ? 10 ether : 15 ether) : (e.queued == 3 ? 2 ether : e.queued == 2 ? 3 ether : 0);
        e.refundWei = FEE;
        for (uint256 slot = 0; slot < 3; ++slot) {
            bytes1 fate = row.fates[slot];
            e.status[slot] = INodeRegistry.Status.Available;
            e.stakeWei[slot] = STAKE;
            if (fate == "P") {
                e.balanceWei[slot] = shareWei;
                e.refundWei -= shareWei;
            } else if (fate == "s") {
                _penalise(e, slot);
            } else if (fate == "X") {
                e.status[slot] = INodeRegistry.Status.None;
                e.stakeWei[slot] = 0;
                e.poolWei += STAKE;
            }
        }
        e.uploader = NOBODY;
        if (success) {
            e.state = ITaskConsensus.State.AwaitingUpload;
            e.uploader = e.queue[0];
            // Held and unpaid until it delivered.
            e.status[e.uploader] = INodeRegistry.Status.Busy;
            e.balanceWei[e.uploader] = 0;
            e.refundWei = 0;
            e.escrowWei = _lastShareWei(e);
        } else {
            e.state = ITaskConsensus.State.Aborted;
            if (row.ending == "F") e.reason = ITaskConsensus.AbortReason.NotEnoughReveals;
            if (row.ending == "N") e.reason = ITaskConsensus.AbortReason.NoAgreement;
            if (row.ending == "1") e.reason = ITaskConsensus.AbortReason.InvalidArguments;
            if (row.ending == "2") e.reason = ITaskConsensus.AbortReason.ArgumentsUnavailable;
            if (row.ending == "3") e.reason = ITaskConsensus.AbortReason.ModelUnavailable;
        }
    }

    /// @notice The world after the uploader reported.
    function upload(Expected memory e) internal pure {
        e.state = ITaskConsensus.State.Completed;
        e.balanceWei[e.uploader] += _lastShareWei(e);
        e.escrowWei = 0;
        e.status[e.uploader] = INodeRegistry.Status.Available;
    }

    /// @notice The world after the uploader let its time pass.
    function miss(Expected memory e) internal pure {
        _penalise(e, e.uploader);
        ++e.missed;
        if (e.missed < e.queued) {
            e.uploader = e.queue[e.missed];
        } else {
            e.state = ITaskConsensus.State.Aborted;
            e.reason = ITaskConsensus.AbortReason.NotUploaded;
            e.uploader = NOBODY;
            e.refundWei = e.escrowWei;
            e.escrowWei = 0;
        }
    }

    function _penalise(Expected memory e, uint256 slot) private pure {
        e.status[slot] = INodeRegistry.Status.Paused;
        e.stakeWei[slot] = STAKE_AFTER_PENALTY;
        e.poolWei += PENALTY;
    }

    /// @dev The fee is not divisible: one wei more than the others' share.
    function _lastShareWei(Expected memory e) private pure returns (uint256) {
        return e.queued == 3 ? 10 ether + 1 : 15 ether + 1;
    }
}
