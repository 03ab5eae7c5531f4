// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Tasks} from "../model/Tasks.sol";
import {Handler, Network} from "./Handler.sol";

/// @title Drawn nodes: honest ones, liars, conspirators, copiers, and those who reveal something else
/// @notice Silence needs no call. The work of a task is a score whose bytes follow from its id; a node's answer is how many bits
/// of one 8-byte block of it are wrong.
contract WorkHandler is Handler {
    bytes32 private constant _SALT = keccak256("salt");

    constructor(Network memory network) Handler(network) {}

    function commit(uint256 seed) external step(seed) {
        _commit(!_oneIn(4));
    }

    function reveal(uint256 seed) external step(seed) {
        _reveal(_oneIn(8));
    }

    /// @dev Whatever is to be done.
    function work(uint256 seed) external step(seed) {
        (bytes32 taskId,) = MODEL.pick(_word(), Tasks.Need.Reveal);
        if (taskId != 0) _reveal(false);
        else _commit(!_oneIn(4));
    }

    function _commit(bool honest) private {
        (bytes32 taskId, uint256 slot) = _target(Tasks.Need.Commit);
        Tasks.Job memory job = MODEL.job(taskId);
        address node = job.nodes[slot];
        Tasks.Answer memory answer = honest ? _honestAnswer(job) : _liarsAnswer(job);
        bytes32 commitment = _commitment(taskId, node, job, answer);
        if (answer.copied) commitment = _commitment(taskId, job.nodes[job.order[0]], job, job.answers[job.order[0]]);
        bool zero = _oneIn(32);
        address caller = _oneIn(16) ? _stranger(job, slot) : node;
        _perform(
            honest ? bytes32("commit honestly") : bytes32("commit a lie"),
            caller,
            address(CONSENSUS),
            abi.encodeCall(CONSENSUS.commit, (taskId, slot, zero ? bytes32(0) : commitment)),
            MODEL.commit(taskId, slot, caller, zero, answer)
        );
    }

    function _reveal(bool wrongly) private {
        (bytes32 taskId, uint256 slot) = _target(Tasks.Need.Reveal);
        Tasks.Job memory job = MODEL.job(taskId);
        address caller = _oneIn(16) ? _stranger(job, slot) : job.nodes[slot];
        bytes memory call = _revealCall(taskId, slot, job, wrongly);
        bytes4 refusal = MODEL.reveal(taskId, slot, caller, !wrongly);
        _perform(wrongly ? bytes32("reveal wrongly") : bytes32("reveal"), caller, address(CONSENSUS), call, refusal);
    }

    function _revealCall(bytes32 taskId, uint256 slot, Tasks.Job memory job, bool wrongly)
        private
        returns (bytes memory)
    {
        Tasks.Answer memory answer = job.answers[slot];
        bytes memory score = _score(taskId, job, answer);
        bytes32 salt = _SALT;
        if (wrongly) {
            // Another salt, or another answer that would be worth more.
            if (_oneIn(2) || score.length == 0) salt = bytes32(_word());
            else score[_below(score.length)] ^= 0x01;
        }
        return abi.encodeCall(CONSENSUS.reveal, (taskId, slot, answer.outcome, score, salt));
    }

    /// @dev Honest nodes differ by a bit here and there. Arguments or a model that cannot be fetched are nobody's lie.
    function _honestAnswer(Tasks.Job memory job) private returns (Tasks.Answer memory answer) {
        answer.honest = true;
        if (_oneIn(10)) answer.outcome = uint8(_between(2, 3));
        else if (job.invalid) answer.outcome = 1;
        else if (job.images != 0) (answer.block_, answer.flips) = (uint8(_below(job.images)), uint8(_below(2)));
    }

    /// @dev All liars say one of few things, so that they often conspire.
    function _liarsAnswer(Tasks.Job memory job) private returns (Tasks.Answer memory answer) {
        uint256 which = _below(8);
        if (which == 0 && job.commits != 0) {
            answer.copied = true;
        } else if (which == 1) {
            answer.outcome = uint8(_between(1, 3));
        } else if (which < 5 && job.images != 0) {
            // Right, and one further, below and above what is near enough.
            answer.flips = uint8(job.threshold + _below(3)) - 1;
            answer.block_ = uint8(_oneIn(2) ? 0 : _below(job.images));
        } else {
            answer.flips = 64;
            if (job.images != 0) answer.block_ = job.images - 1;
        }
        answer.honest = answer.outcome > 1 || (answer.outcome == 1 && job.invalid);
    }

    function _commitment(bytes32 taskId, address node, Tasks.Job memory job, Tasks.Answer memory answer)
        private
        view
        returns (bytes32)
    {
        bytes32 scoreHash = keccak256(_score(taskId, job, answer));
        return keccak256(abi.encode(block.chainid, address(CONSENSUS), taskId, node, answer.outcome, scoreHash, _SALT));
    }

    function _score(bytes32 taskId, Tasks.Job memory job, Tasks.Answer memory answer)
        private
        pure
        returns (bytes memory score)
    {
        if (answer.outcome != 0) return "";
        if (job.text) return abi.encodePacked(keccak256(abi.encode(taskId, answer.block_, answer.flips)));
        score = new bytes(8 * uint256(job.images));
        for (uint256 i = 0; i < job.images; ++i) {
            uint64 block_ = uint64(uint256(keccak256(abi.encode(taskId, i))));
            if (i == answer.block_) block_ ^= uint64((uint256(1) << answer.flips) - 1);
            for (uint256 j = 0; j < 8; ++j) {
                score[8 * i + j] = bytes1(uint8(block_ >> (8 * j)));
            }
        }
    }

    function _target(Tasks.Need need) private returns (bytes32 taskId, uint256 slot) {
        if (!_oneIn(8)) (taskId, slot) = MODEL.pick(_word(), need);
        if (taskId == 0) (taskId, slot) = (_anyTask(), _below(3));
    }

    /// @dev Somebody, or one of the other two.
    function _stranger(Tasks.Job memory job, uint256 slot) private returns (address wallet) {
        wallet = _oneIn(2) ? _anyWallet() : job.nodes[(slot + 1) % 3];
        if (wallet == job.nodes[slot]) wallet = address(0xbad);
    }
}
