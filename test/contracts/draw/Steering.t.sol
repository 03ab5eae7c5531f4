// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Drawing} from "./Drawing.sol";

/// @notice Security row 14: an operator knows the seed before `start`, tries every way in which its nodes can change the network
/// until then, and takes the draw with the most of its own nodes. How much more often are that two or three of three?
///
/// What it is measured against is the same stake without tricks: all of it in available nodes. A tenth of the nodes is the
/// operator's. The bounds are those of docs/decisions/0009-drawing.md.
contract SteeringTest is Drawing {
    uint32 private constant VRAM = 24;

    /// @dev For each seed, the most of the operator's nodes that any network tried until now would draw. In memory, so that it
    /// outlives vm.revertToState.
    struct Trial {
        string name;
        uint8[] best;
        uint256 honest;
        uint256 joinedFrom; // nodes with this number and higher ones are the operator's as well
    }

    // ---- pausing

    function test_PausingOneNode() external {
        _addNetwork(1_200, 1);
        Trial memory trial = _begin("pausing one node", type(uint256).max);
        fixDraws();
        for (uint256 i = 0; i < draws(3, 24); ++i) {
            pause(nodes[_own(i)]);
            _try(trial);
            resume(nodes[_own(i)]);
        }
        _assertGain(trial, 100);
    }

    function test_PausingManyNodes() external {
        _addNetwork(1_200, 1);
        _pauseHalves("pausing a random half of its nodes");
    }

    function test_PausingManyNodesOfFewFree() external {
        _addNetwork(1_200, 10);
        _pauseHalves("pausing a random half of its nodes, a tenth free");
    }

    function _pauseHalves(string memory name) private {
        Trial memory trial = _begin(name, type(uint256).max);
        fixDraws();
        for (uint256 k = 0; k < draws(3, 24); ++k) {
            for (uint256 i = 0; i < 120; ++i) {
                if (_pausedIn(k, i)) pause(nodes[_own(i)]);
            }
            _try(trial);
            for (uint256 i = 0; i < 120; ++i) {
                if (_pausedIn(k, i)) resume(nodes[_own(i)]);
            }
        }
        _assertGain(trial, 100);
    }

    function _pausedIn(uint256 k, uint256 i) private view returns (bool) {
        return _isFree(_own(i)) && uint256(keccak256(abi.encode(k, i))) & 1 == 0;
    }

    // ---- joining and leaving

    function test_JoiningOneByOne() external {
        _join("joining with up to ten more nodes", 1_190, 100);
    }

    /// @dev Would draw everything anew, if a draw had the tiers' present sizes: one passes a power of two, here 1,024.
    function test_JoiningPastAPowerOfTwo() external {
        _join("joining with up to ten more nodes, past 1024", 1_020, 100);
    }

    function _join(string memory name, uint256 members, uint256 percent) private {
        _addNetwork(members, 1);
        uint256 snapshot = vm.snapshotState();
        addNodes(10);
        Trial memory trial = _begin(name, members);
        vm.revertToState(snapshot);
        fixDraws();
        _try(trial);
        for (uint256 i = 0; i < 9; ++i) {
            addNode();
            _try(trial);
        }
        _assertGain(trial, percent);
    }

    /// @dev Ten of its nodes left long ago and keep their places until they withdraw, which moves the last node there.
    function test_WithdrawingOneByOne() external {
        _addNetwork(1_200, 1);
        Trial memory trial = _begin("ten places to give up", type(uint256).max);
        for (uint256 i = 0; i < 10; ++i) {
            vm.prank(nodes[_own(11 * i)]);
            registry.leave();
        }
        vm.warp(block.timestamp + registry.unbondingSeconds());
        fixDraws();
        _try(trial);
        for (uint256 i = 0; i < 10; ++i) {
            vm.prank(nodes[_own(11 * i)]);
            registry.withdrawStake();
            _try(trial);
        }
        _assertGain(trial, 100);
    }

    // ---- hardware

    function test_ChangingHardware() external {
        _addNetwork(1_200, 1);
        Trial memory trial = _begin("other hardware for up to twelve nodes", type(uint256).max);
        fixDraws();
        for (uint256 i = 0; i < 12; ++i) {
            uint32[6] memory vramGb = [uint32(2), 4, 8, 12, 16, 48];
            vm.prank(nodes[_own(9 * i)]);
            registry.setHardware(GPU, vramGb[i % 6]);
            _try(trial);
        }
        _assertGain(trial, 100);
    }

    // ---- the trial

    /// @dev Every tenth node is the operator's; of its and of the others' nodes every `oneIn`-th is free.
    function _addNetwork(uint256 size, uint256 oneIn) private {
        for (uint256 i = 0; i < size; ++i) {
            address node = addNode(GPU, VRAM);
            if (!(oneIn == 1 || (i / 10) % oneIn == 4)) pause(node);
        }
    }

    function _isFree(uint256 number) private view returns (bool) {
        return uint8(statusOf(nodes[number])) == 1;
    }

    function _own(uint256 i) private pure returns (uint256) {
        return 10 * i + 3;
    }

    function _begin(string memory name, uint256 joinedFrom) private returns (Trial memory trial) {
        vm.pauseGasMetering();
        (trial.name, trial.best, trial.joinedFrom) = (name, new uint8[](draws(500, 4_000)), joinedFrom);
        _try(trial);
        trial.honest = _twos(trial);
    }

    function _try(Trial memory trial) private {
        for (uint256 seed = 0; seed < trial.best.length; ++seed) {
            uint256[3] memory numbers = drawn3(seed, anyNode());
            uint8 own;
            for (uint256 i = 0; i < 3; ++i) {
                if (numbers[i] % 10 == 3 || numbers[i] >= trial.joinedFrom) ++own;
            }
            if (own > trial.best[seed]) trial.best[seed] = own;
        }
    }

    function _twos(Trial memory trial) private pure returns (uint256 count) {
        for (uint256 seed = 0; seed < trial.best.length; ++seed) {
            if (trial.best[seed] >= 2) ++count;
        }
    }

    /// @param percent What the steered draws may be at most, of the honest ones; four standard deviations come on top.
    function _assertGain(Trial memory trial, uint256 percent) private view {
        uint256 steered = _twos(trial);
        string memory counted = string.concat(vm.toString(trial.honest), " honestly, ", vm.toString(steered));
        print(string.concat(trial.name, ": two of three ", counted, " steered, draws"), trial.best.length);
        vm.assertLe(steered, (trial.honest * percent) / 100 + 4 * root(trial.honest), trial.name);
    }
}
