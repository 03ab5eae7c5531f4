// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {INodeRegistry} from "../../../contracts/interfaces/INodeRegistry.sol";
import {ITaskConsensus} from "../../../contracts/interfaces/ITaskConsensus.sol";
import {Errors} from "../../../contracts/libraries/Errors.sol";
import {HostileTest} from "../base/HostileTest.sol";

/// @dev A drawn node without a GPU: it commits to what it reads on the chain, and reveals what others reveal.
contract Copycat {
    function act(address target, bytes calldata data) external returns (bool done, bytes memory answer) {
        return target.call(data);
    }
}

/// @notice Security row 11: copied and front-run commitments and reveals. The copier's reveal is refused and it counts as
/// silent; whoever it copied is served as if nothing had been.
contract CopyingTest is HostileTest {
    Copycat private _copycat;

    function setUp() public override {
        super.setUp();
        addNodes(2);
        _copycat = new Copycat();
        nodes.push(address(_copycat));
        fund(address(_copycat), STAKE);
        vm.prank(address(_copycat));
        registry.join(STAKE, GPU, 24, "key", address(0));
    }

    function _copy(bytes memory data) private returns (bool done, bytes memory answer) {
        return _copycat.act(address(consensus), data);
    }

    function _mismatch(bytes32 taskId, address caller) private pure returns (bytes memory) {
        return abi.encodeWithSelector(Errors.TaskConsensus_CommitmentMismatch.selector, taskId, caller);
    }

    /// @dev The robbery of the earlier contracts: commit the same 32 bytes, reveal the same score and salt.
    function test_ACopiedCommitmentCannotBeRevealed() external {
        for (uint256 honestFirst = 0; honestFirst < 2; ++honestFirst) {
            bytes32 taskId = started();
            watched.push(taskId);
            uint256 copier = slotOf(taskId, address(_copycat));
            uint256 honest = (copier + 1) % 3;
            uint256 other = (copier + 2) % 3;
            address victim = drawn(taskId)[honest];
            bytes32 commitment = commitmentOf(taskId, victim, 0, A);
            // From the mempool, before the honest commit is mined; or from the chain.
            if (honestFirst == 1) commit(taskId, honest, 0, A);
            (bool done,) = _copy(commitCall(taskId, copier, commitment));
            vm.assertTrue(done, "a copy looks like any commitment");
            if (honestFirst == 0) commit(taskId, honest, 0, A);
            commit(taskId, other, 0, A);
            vm.assertEq(consensus.task(taskId).slots[copier].commitment, commitment, "copied");

            bytes memory copied = revealCall(taskId, copier, 0, A, SALT);
            if (honestFirst == 0) {
                refused(address(_copycat), address(consensus), copied, _mismatch(taskId, address(_copycat)), "in front");
            }
            reveal(taskId, honest, 0, A);
            refused(address(_copycat), address(consensus), copied, _mismatch(taskId, address(_copycat)), "behind");
            reveal(taskId, other, 0, A);
            vm.warp(consensus.task(taskId).revealDeadline + 1);
            consensus.advance(taskId);

            assertState(taskId, ITaskConsensus.State.AwaitingUpload, "two of three suffice");
            assertStatus(address(_copycat), INodeRegistry.Status.Paused, "penalised");
            vm.assertEq(consensus.balanceOf(address(_copycat)), 0, "unpaid");
            vm.assertTrue(consensus.task(taskId).uploader != address(_copycat), "an honest node delivers");
            upload(taskId, "digest");
            vm.assertEq(consensus.balanceOf(nodes[0]) + consensus.balanceOf(nodes[1]), (honestFirst + 1) * FEE, "paid");
            vm.prank(address(_copycat));
            registry.resume();
        }
        vm.assertEq(token.balanceOf(address(incentivePool)), 8 ether + (STAKE - 8 ether) * 2 / 100, "2 % twice");
    }

    /// @dev The copied promise names its maker, who helps the copier and shows it in the copier's place.
    function test_ACopiedCommitmentCannotBeRevealedByItsMakerEither() external {
        bytes32 taskId = started();
        watched.push(taskId);
        uint256 copier = slotOf(taskId, address(_copycat));
        uint256 maker = (copier + 1) % 3;
        address helper = drawn(taskId)[maker];
        commit(taskId, maker, 0, A);
        (bool done,) = _copy(commitCall(taskId, copier, commitmentOf(taskId, helper, 0, A)));
        vm.assertTrue(done, "copied");
        commit(taskId, (copier + 2) % 3, 0, A);
        refused(
            helper,
            address(consensus),
            revealCall(taskId, copier, 0, A, SALT),
            _mismatch(taskId, helper),
            "in its place"
        );
    }

    /// @dev Who has not committed cannot jump on an open reveal.
    function test_ARevealWithoutACommitment() external {
        bytes32 taskId = started();
        watched.push(taskId);
        uint256 copier = slotOf(taskId, address(_copycat));
        uint256 honest = (copier + 1) % 3;
        commit(taskId, honest, 0, A);
        commit(taskId, (copier + 2) % 3, 0, A);
        vm.warp(consensus.task(taskId).commitDeadline + 1);
        refused(
            address(_copycat),
            address(consensus),
            revealCall(taskId, copier, 0, A, SALT),
            abi.encodeWithSelector(Errors.TaskConsensus_NotCommitted.selector, taskId, address(_copycat)),
            "own slot"
        );
        reveal(taskId, honest, 0, A);
        refused(
            address(_copycat),
            address(consensus),
            commitCall(taskId, copier, commitmentOf(taskId, address(_copycat), 0, A)),
            wrongState(taskId, ITaskConsensus.State.Revealing),
            "too late to commit what was revealed"
        );
        reveal(taskId, (copier + 2) % 3, 0, A);
        assertState(taskId, ITaskConsensus.State.AwaitingUpload, "unharmed");
    }

    /// @dev A stranger who sends an honest node's transaction first gets nothing, and the node's own still succeeds.
    function test_AStrangerInFront() external {
        bytes32 taskId = started();
        watched.push(taskId);
        for (uint256 slot = 0; slot < 3; ++slot) {
            address node = drawn(taskId)[slot];
            refused(
                STRANGER,
                address(consensus),
                commitCall(taskId, slot, commitmentOf(taskId, node, 0, A)),
                abi.encodeWithSelector(Errors.TaskConsensus_NotDrawn.selector, taskId, STRANGER),
                "stranger's commit"
            );
            commit(taskId, slot, 0, A);
        }
        for (uint256 slot = 0; slot < 3; ++slot) {
            vm.prank(STRANGER);
            (bool done,) = address(consensus).call(revealCall(taskId, slot, 0, A, SALT));
            vm.assertFalse(done, "stranger's reveal");
            reveal(taskId, slot, 0, A);
        }
        assertState(taskId, ITaskConsensus.State.AwaitingUpload, "unharmed");
        vm.assertEq(consensus.balanceOf(STRANGER), 0);
    }

    /// @dev Nobody can fill another's slot, not even another drawn node, and so lock it out.
    function test_ADrawnNodeInTheSlotOfAnother() external {
        bytes32 taskId = started();
        watched.push(taskId);
        uint256 copier = slotOf(taskId, address(_copycat));
        uint256 honest = (copier + 1) % 3;
        (bool done,) = _copy(commitCall(taskId, honest, "mine"));
        // Where the slot is an argument it is refused; either way the other's slot is empty.
        done;
        vm.assertFalse(consensus.task(taskId).slots[honest].committed, "still free");
        commit(taskId, honest, 0, A);
        vm.assertEq(
            consensus.task(taskId).slots[honest].commitment, commitmentOf(taskId, drawn(taskId)[honest], 0, A), "own"
        );
    }

    /// @dev Each thing that a commitment binds: with another one of it the reveal is refused, with all of them accepted.
    function test_WhatACommitmentBinds() external {
        bytes32 earlier = agreed();
        upload(earlier, "digest");
        string[8] memory names =
            ["chain", "contract", "task", "node", "outcome", "score", "salt", "packed instead of padded"];
        for (uint256 i = 0; i < names.length; ++i) {
            bytes32 taskId = started();
            watched.push(taskId);
            address node = drawn(taskId)[0];
            bytes32 commitment = keccak256(
                i == 7
                    ? abi.encodePacked(block.chainid, address(consensus), taskId, node, uint8(0), keccak256(A), SALT)
                    : abi.encode(
                            i == 0 ? block.chainid + 1 : block.chainid,
                            i == 1 ? address(registry) : address(consensus),
                            i == 2 ? earlier : taskId,
                            i == 3 ? drawn(taskId)[1] : node,
                            i == 4 ? uint8(1) : uint8(0),
                            i == 5 ? keccak256(B) : keccak256(A),
                            i == 6 ? bytes32("salt") : SALT
                        )
            );
            accepted(node, address(consensus), commitCall(taskId, 0, commitment), "any 32 bytes");
            commit(taskId, 1, 0, A);
            commit(taskId, 2, 0, A);
            refused(node, address(consensus), revealCall(taskId, 0, 0, A, SALT), _mismatch(taskId, node), names[i]);
            reveal(taskId, 1, 0, A);
            reveal(taskId, 2, 0, A);
            vm.warp(consensus.task(taskId).revealDeadline + 1);
            consensus.advance(taskId);
            upload(taskId, "digest");
            vm.prank(node);
            registry.resume();
        }
    }

    /// @dev After a fork with the other chain's id, nobody can use a commitment of this one.
    function test_AForkOfTheChain() external {
        bytes32 taskId = started();
        watched.push(taskId);
        for (uint256 slot = 0; slot < 3; ++slot) {
            commit(taskId, slot, 0, A);
        }
        vm.chainId(block.chainid + 1);
        address node = drawn(taskId)[0];
        refused(node, address(consensus), revealCall(taskId, 0, 0, A, SALT), _mismatch(taskId, node), "forked");
    }
}
